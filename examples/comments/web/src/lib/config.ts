/** Where the servers are. */
export interface Config {
  websocketUrl: string;
  apiUrl: string;
  /** `steady`: again and again; `seed`: five attempts, three seconds apart. */
  reconnect: 'steady' | 'seed';
}

// Written out one by one: the build replaces these expressions by their values.
const built = {
  websocketUrl: process.env.NEXT_PUBLIC_WEBSOCKET_URL || 'ws://localhost:3001',
  apiUrl: process.env.NEXT_PUBLIC_API_URL || 'http://localhost:8000',
  reconnect: process.env.NEXT_PUBLIC_WEBSOCKET_RECONNECT || 'steady',
};

function urlOf(value: unknown, protocols: string[], otherwise: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null;
  return (url && protocols.includes(url.protocol) ? url.href : otherwise).replace(/\/+$/, '');
}

/** What the build was told, overridden by what `/config.json` says: an export serves any ports without a new build. */
export async function readConfig(): Promise<Config> {
  let served: Record<string, unknown> = {};
  try {
    const answer = await fetch('/config.json', { cache: 'no-store' });
    const value: unknown = answer.ok ? await answer.json() : null;
    if (typeof value === 'object' && value !== null) served = value as Record<string, unknown>;
  } catch {
    // Served by something that has no such file: the build's values it is.
  }
  return {
    websocketUrl: urlOf(served['websocketUrl'], ['ws:', 'wss:'], built.websocketUrl),
    apiUrl: urlOf(served['apiUrl'], ['http:', 'https:'], built.apiUrl),
    reconnect: (served['reconnect'] ?? built.reconnect) === 'seed' ? 'seed' : 'steady',
  };
}
