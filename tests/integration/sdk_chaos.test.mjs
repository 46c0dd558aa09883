// A network that drops, delays, cuts and half-opens, a server that is killed: nobody misses anything. CARILLON_CHAOS_SEED,
// CARILLON_CHAOS_MESSAGES and CARILLON_CHAOS_KILLS change the run; sdk_chaos.mjs runs longer ones.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { chaosRun } from './sdk_chaos.mjs';

const seed = Number(process.env.CARILLON_CHAOS_SEED ?? 20260101);
const messages = Number(process.env.CARILLON_CHAOS_MESSAGES ?? 10_000);
const kills = Number(process.env.CARILLON_CHAOS_KILLS ?? 3);

it(`10 clients show ${messages} messages once each, in order, through ${kills} kills and a bad network (seed ${seed})`, async (test) => {
  const outcome = await chaosRun({ seed, clients: 10, messages, kills, report: (text) => test.diagnostic(String(text)) });
  test.diagnostic(JSON.stringify(outcome));
  for (const fault of ['reset', 'cut', 'delay', 'half-open']) assert.ok(outcome[fault] > 0, `no fault of the kind ${fault}`);
  assert.ok(outcome.recovered > 0, 'nothing had to be recovered: this run proves little');
});
