// Uses the hooks' package as a stranger would.
import { type WebSocketStore, createWebSocketStore, seedReconnect, useChat, usePresence, useWebSocket, useWebSocketManager } from '@carillon/react';
import { CarillonClient } from '@carillon/client';

const store: WebSocketStore = createWebSocketStore();
const stop = store.getState().subscribe<{ type: 'test'; data: { message: string } }>('test', (frame) => frame.data.message.length);
stop();

export function Room({ chatId }: { chatId: string }) {
  const { status, isConnected } = useWebSocketManager({ url: 'http://127.0.0.1:9', token: 'token', reconnect: seedReconnect });
  const { messages, publish, typing, typingUsers, hasOlder, loadOlder } = useChat<string>(chatId, { history: 20 });
  const { users } = usePresence(chatId);
  const own = useWebSocket(null);
  const texts: string[] = messages.map((message) => message.payload.content);
  return { status, isConnected, texts, typingUsers, users, hasOlder, own, act: [() => publish('x'), () => typing(true), loadOlder] };
}

if (store.getState().status !== 'idle' || store.getState().isConnected || seedReconnect.maxAttempts !== 5) throw new Error('store');
// One copy of the client, whichever way it is imported.
if (typeof CarillonClient !== 'function') throw new Error('client');
console.log('react works');
