// Runs the comments application until it is told to stop; script/example-comments builds it first.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CommentsApplication } from './application.mjs';

const root = path.resolve(import.meta.dirname, '../..');

function portOf(name, otherwise) {
  const text = process.env[name] || String(otherwise);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw new Error(`${name}=${text}: must be a port, or 0 for any free one`);
  return port;
}

function configured() {
  const { values } = parseArgs({ options: { data: { type: 'string', default: path.join(root, 'build/example-comments/data') } } });
  return new CommentsApplication({
    programs: path.join(root, 'build/release'),
    web: path.join(root, 'build/example-comments/web'),
    data: path.resolve(values.data),
    ports: { carillon: portOf('CARILLON_PORT', 3001), api: portOf('API_PORT', 8000), web: portOf('WEB_PORT', 3000) },
    reconnect: process.env.NEXT_PUBLIC_WEBSOCKET_RECONNECT === 'seed' ? 'seed' : 'steady',
  });
}

async function runUntil(asked) {
  const application = configured();
  try {
    await application.start();
    const { carillon, api } = application.ports;
    console.log(`comments      ${application.url}/?post=welcome   (open it in two windows)`);
    console.log(`REST service  http://localhost:${api}`);
    console.log(`Carillon      http://localhost:${carillon}`);
    console.log(`data, logs    ${application.data}`);
    console.log('Ctrl-C ends all three.');
    const problem = await Promise.race([asked, application.failed()]);
    if (problem) throw new Error(problem);
  } finally {
    await application.stop();
  }
}

const asked = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve());
});
try {
  await runUntil(asked);
} catch (error) {
  const taken = /^port \d+ is taken$/.test(error.message);
  console.error(`${error.message}${taken ? ': choose others with CARILLON_PORT, API_PORT and WEB_PORT' : ''}`);
  process.exitCode = 1;
}
