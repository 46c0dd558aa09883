// CONTRACT §7: what was answered survives kill -9 under load. CARILLON_CRASH_ROUNDS and CARILLON_CRASH_SEED change the run.
import { it } from 'node:test';
import { crashRounds } from './crash.mjs';

const rounds = Number(process.env.CARILLON_CRASH_ROUNDS ?? 3);
const seed = Number(process.env.CARILLON_CRASH_SEED ?? 20260101);

it(`${rounds} crashes with seed ${seed} lose nothing`, async (test) => {
  await crashRounds({ rounds, seed, report: (outcome) => test.diagnostic(JSON.stringify(outcome)) });
});
