import { CarillonClient, CarillonError } from '@carillon/client';
import type { ClientOptions, ConnectionStatus, MessageListener, Publication, PublishOptions, Receipt, TypedFrame, Unsubscribe } from '@carillon/client';
import { createStore, useStore } from 'zustand';
import type { StoreApi } from 'zustand';
import { keyOf } from './options.js';

export interface WebSocketState {
  status: ConnectionStatus;
  isConnected: boolean;
  /** Why it is not connected. */
  error?: Error | undefined;
  /** Failed attempts since the last time it was connected. */
  attempts: number;
  userId?: string | undefined;
  connectionId?: string | undefined;
  client?: CarillonClient | undefined;
  /** Resolves when connected; rejects when it will not try any more. The same options again: nothing new. Others: in
   *  place of the connection that there is. */
  connect(options: ClientOptions): Promise<void>;
  /** Ends the connection; subscriptions stay for the next one. */
  disconnect(): Promise<void>;
  /** Connects again after `stopped` or `disconnect()`, with the options of last time. */
  reconnect(): Promise<void>;
  /** Frames of that type, as long as the store is there; `message`: every message. Several per type. */
  subscribe<Frame extends TypedFrame>(type: string, listener: (frame: Frame) => void): Unsubscribe;
  /** Messages with that `eventType`. */
  subscribeEvent<Content = unknown>(eventType: string, listener: MessageListener<Content>): Unsubscribe;
  publish(publication: Publication, options?: PublishOptions): Promise<Receipt>;
}
export type WebSocketStore = StoreApi<WebSocketState>;

/** One listener, on whichever client there is. */
interface Subscription {
  attach(client: CarillonClient): Unsubscribe;
  detach?: Unsubscribe | undefined;
}

const NOBODY = { status: 'idle', isConnected: false, attempts: 0, error: undefined, userId: undefined, connectionId: undefined, client: undefined } as const;

function stateOf(client: CarillonClient): Partial<WebSocketState> {
  const { status, attempts, error, userId, connectionId } = client.state;
  return { status, isConnected: status === 'connected', attempts, error, userId, connectionId };
}

export const notConnected = (): CarillonError => new CarillonError('not_connected', 'There is no connection: connect() was not called');

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** A store of one connection. One per page is usual: the one that `useWebSocketStore` reads. */
export function createWebSocketStore(): WebSocketStore {
  const subscriptions = new Set<Subscription>();
  let used: { options: ClientOptions; key: string } | undefined;
  let unwatch: Unsubscribe = () => {};

  const add = (subscription: Subscription, client: CarillonClient | undefined): Unsubscribe => {
    subscriptions.add(subscription);
    if (client) subscription.detach = subscription.attach(client);
    return () => {
      if (subscriptions.delete(subscription)) subscription.detach?.();
    };
  };

  return createStore<WebSocketState>()((set, get) => {
    const leave = (): Promise<void> => {
      const { client } = get();
      unwatch();
      for (const each of subscriptions) {
        each.detach?.();
        each.detach = undefined;
      }
      return client ? client.close() : Promise.resolve();
    };
    const adopt = (client: CarillonClient): void => {
      unwatch = client.onState(() => set(stateOf(client)));
      for (const each of subscriptions) each.detach = each.attach(client);
      set({ client, ...stateOf(client) });
    };

    return {
      ...NOBODY,
      async connect(options) {
        const key = keyOf(options);
        const present = get().client;
        if (present && used?.key === key && used.options.token === options.token) return present.connect();
        used = { options, key };
        void leave().catch(() => {});
        let client: CarillonClient;
        try {
          client = new CarillonClient(options);
        } catch (thrown) {
          set({ ...NOBODY, status: 'stopped', error: asError(thrown) });
          throw thrown;
        }
        adopt(client);
        return client.connect();
      },
      async disconnect() {
        const left = leave();
        set(NOBODY);
        await left;
      },
      async reconnect() {
        const { client, connect } = get();
        if (client) return client.connect();
        if (!used) throw notConnected();
        return connect(used.options);
      },
      subscribe<Frame extends TypedFrame>(type: string, listener: (frame: Frame) => void) {
        const attach = (client: CarillonClient): Unsubscribe =>
          type === 'message' ? client.onMessage((message) => listener(message as unknown as Frame)) : client.onType<Frame>(type, listener);
        return add({ attach }, get().client);
      },
      subscribeEvent<Content>(eventType: string, listener: MessageListener<Content>) {
        return add({ attach: (client) => client.onEvent<Content>(eventType, listener) }, get().client);
      },
      async publish(publication, options) {
        const { client } = get();
        if (!client) throw notConnected();
        return client.publish(publication, options);
      },
    };
  });
}

/** The page's connection. */
export const pageStore: WebSocketStore = createWebSocketStore();

/** What `selector` picks of the page's connection; rendered anew when that changes. */
export function useWebSocketStore(): WebSocketState;
export function useWebSocketStore<Picked>(selector: (state: WebSocketState) => Picked): Picked;
export function useWebSocketStore<Picked>(selector?: (state: WebSocketState) => Picked): Picked | WebSocketState {
  return useStore(pageStore, selector ?? ((state) => state as Picked));
}
