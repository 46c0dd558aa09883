// Uses every exported type and class as a stranger would. The last expression of a wrong type must not compile.
import { CarillonClient, CarillonError, type Chat, type ClientOptions, type ConnectionState, type Message, type Receipt } from '@carillon/client';

interface Quote {
  price: number;
}

const options: ClientOptions = { url: 'http://127.0.0.1:9', token: async () => 'token', reconnect: { baseMs: 3000, maxMs: 3000, jitter: 'none', maxAttempts: 5 } };
const client: CarillonClient = new CarillonClient(options);
const state: ConnectionState = client.state;
const chat: Chat = client.chat('room', { history: 20 });

export const prices: number[] = [];
const unsubscribe = client.onEvent<Quote>('quote', (message: Message<Quote>, { via, late }) => {
  if (via !== 'history' && !late) prices.push(message.payload.content.price);
});
client.onType<{ type: 'comment.created'; data: { postId: string } }>('comment.created', (frame) => frame.data.postId.length);
export const publish = (text: string): Promise<Receipt> => chat.publish(text, { eventType: 'chat' }, { via: 'http', timeoutMs: 5000 });
export const walk = async (): Promise<number> => {
  let count = 0;
  for await (const messages of client.historyPages({ chatId: 'room' }, { order: 'asc', from: new Date(0) })) count += messages.length;
  return count;
};

// @ts-expect-error: a token is required
export const wrong: ClientOptions = { url: 'http://127.0.0.1:9' };
// @ts-expect-error: content is of the type that was asked for
client.onEvent<Quote>('quote', (message) => message.payload.content.size);

unsubscribe();
const error = new CarillonError('too_large', 'no', { status: 413 });
if (!(error instanceof Error) || error.code !== 'too_large' || error.status !== 413) throw new Error('CarillonError');
if (state.status !== 'idle' || client.chat('room') !== chat || chat.status !== 'idle') throw new Error('CarillonClient');
console.log('client works');
