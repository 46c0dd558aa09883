import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { CarillonClient } from '@carillon/client';
import type { ClientOptions, ConnectionState, ConnectionStatus, Message, Publication, PublishOptions, Receipt } from '@carillon/client';
import { useOptions } from './options.js';
import { notConnected } from './store.js';

export interface WebSocketConnection {
  status: ConnectionStatus;
  isConnected: boolean;
  error?: Error | undefined;
  /** The last message that came. */
  lastFrame?: Message | undefined;
  client?: CarillonClient | undefined;
  publish(publication: Publication, options?: PublishOptions): Promise<Receipt>;
  send(frame: object): Promise<unknown>;
  reconnect(): Promise<void>;
  close(): Promise<void>;
}

const IDLE: ConnectionState = Object.freeze({ status: 'idle', attempts: 0 });
const NEVER = (): (() => void) => () => {};

/** What a component's own client is, and the last that it heard. */
interface Own {
  client?: CarillonClient;
  failure?: Error;
  lastFrame?: Message;
}

function useOwnClient(options: ClientOptions | null): Own {
  const { key, take } = useOptions(options);
  const [own, setOwn] = useState<Own>({});
  useEffect(() => {
    if (key === null) return undefined;
    let client: CarillonClient;
    try {
      client = new CarillonClient(take());
    } catch (thrown) {
      setOwn({ failure: thrown as Error });
      return () => setOwn({});
    }
    setOwn({ client });
    const unsubscribe = client.onMessage((lastFrame) => setOwn({ client, lastFrame }));
    let ended = false;
    // Behind the rehearsal of React's strict mode, which would open one connection too many.
    queueMicrotask(() => {
      if (!ended) client.connect().catch(() => {});
    });
    return () => {
      ended = true;
      unsubscribe();
      setOwn({});
      client.close().catch(() => {});
    };
  }, [key, take]);
  return own;
}

/**
 * A connection of this component's own, there as long as the component is and the options say the same; `null`: none.
 * Most pages want one for all: see `useWebSocketManager`.
 */
export function useWebSocket(options: ClientOptions | null): WebSocketConnection {
  const { client, failure, lastFrame } = useOwnClient(options);
  const subscribe = useCallback((changed: () => void) => client?.onState(changed) ?? NEVER(), [client]);
  const read = (): ConnectionState => client?.state ?? IDLE;
  const { status, error } = useSyncExternalStore(subscribe, read, () => IDLE);

  const current = useRef<CarillonClient | undefined>(undefined);
  useEffect(() => {
    current.current = client;
  }, [client]);
  const [calls] = useState(() => {
    const present = async (): Promise<CarillonClient> => {
      if (!current.current) throw notConnected();
      return current.current;
    };
    return {
      publish: async (publication: Publication, publishOptions?: PublishOptions) => (await present()).publish(publication, publishOptions),
      send: async (frame: object) => (await present()).send(frame),
      reconnect: async () => (await present()).connect(),
      close: async () => current.current?.close(),
    };
  });
  if (failure) return { status: 'stopped', isConnected: false, error: failure, ...calls };
  return { status, isConnected: status === 'connected', error, lastFrame, client, ...calls };
}
