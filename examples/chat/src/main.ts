// Two people side by side, each with a client of their own; what they say goes through the server.
import './style.css';
import { find, showProblem, textOf } from './dom.js';
import { Person } from './person.js';
import { NotSignedIn, Session, keepLinkToken, keepPasted, keptToken } from './session.js';

/** The server's address: whatever the page lies below, a stage or a proxy's prefix included. */
const server = new URL('../', new URL('.', location.href));

const problem = find(document, 'main > .problem');
const signIn = find<HTMLFormElement>(document, '.sign-in');
const people = find(document, '.people');

const NO_TOKEN = 'Open this page with the link that signs you in: “carillon serve --dev” prints it as “try it: …/try/#token=…”.';

async function open(token: string): Promise<void> {
  const session = await Session.open(server, token);
  showProblem(problem, undefined);
  signIn.hidden = true;
  people.hidden = false;
  const present = session.people.map((userId) => new Person(people, userId, session, server));
  for (const person of present) {
    person.watchPresence();
    // Why it failed is on the person's side of the page.
    person.client.connect().catch(() => {});
  }
}

async function begin(token: string | null): Promise<void> {
  try {
    if (token === null) throw new NotSignedIn(NO_TOKEN);
    await open(token);
  } catch (thrown) {
    signIn.hidden = false;
    showProblem(problem, textOf(thrown));
  }
}

signIn.onsubmit = (event) => {
  event.preventDefault();
  const field = find<HTMLTextAreaElement>(signIn, '[name=token]');
  const token = keepPasted(field.value);
  field.value = '';
  void begin(token);
};

keepLinkToken();
// A link that is opened in the tab of this page changes the address, and nothing else.
addEventListener('hashchange', () => {
  if (keepLinkToken()) location.reload();
});
void begin(keptToken());
