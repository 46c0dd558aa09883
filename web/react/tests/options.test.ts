import { describe, expect, it } from 'vitest';
import type { ClientOptions } from '@carillon/client';
import { keyOf } from '../src/options.js';

const base: ClientOptions = { url: 'ws://h', token: 't', reconnect: { baseMs: 1, maxMs: 2 }, chatIds: ['a', 'b'] };

describe('keyOf', () => {
  it('is the same for options that say the same', () => {
    const same: ClientOptions[] = [
      { chatIds: ['a', 'b'], reconnect: { maxMs: 2, baseMs: 1 }, token: 't', url: 'ws://h' },
      { ...base, environment: { now: () => 1 } },
      { ...base, orgId: undefined as never },
    ];
    for (const each of same) expect(keyOf(each)).toBe(keyOf(base));
    expect(keyOf({ ...base, token: () => 'a' })).toBe(keyOf({ ...base, token: async () => 'b' }));
  });

  it('is another for any other', () => {
    const others: Partial<ClientOptions>[] = [{ url: 'ws://i' }, { token: 'u' }, { token: () => 't' }, { reconnect: false }, { chatIds: ['b', 'a'] }, { chatIds: '*' }, { orgId: 'o' }];
    const keys = [base, ...others.map((each) => ({ ...base, ...each }))].map(keyOf);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
