// Prometheus' own tool, and its text format read with code of our own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { within } from './inbox.mjs';

/** Runs `promtool ARGS…` with `input` on stdin: `{code, output}`. */
export async function promtool(args, input = '') {
  const child = spawn('promtool', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
  child.stdin.end(input);
  return within(ended, `promtool ${args.join(' ')}`, 60_000).finally(() => child.kill('SIGKILL'));
}

const LINE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]+)="((?:[^"\\]|\\.)*)",?/gy;

function labelsOf(text) {
  const labels = {};
  let end = 0;
  for (const [whole, name, value] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    end += whole.length;
  }
  assert.equal(end, text.length, `labels ${text}`);
  return labels;
}

/** The exposition as `Map(family → {type, help, samples: [{name, labels, value}]})`. */
export function parseMetrics(text) {
  const families = new Map();
  let current;
  for (const line of text.split('\n').slice(0, -1)) {
    const [, keyword, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      assert.ok(!families.has(name), `${name} stands twice`);
      families.set(name, (current = { help: rest, samples: [] }));
    } else if (keyword === 'TYPE') {
      current.type = rest;
    } else {
      const match = LINE.exec(line);
      assert.ok(match, `a line of the exposition: ${line}`);
      current.samples.push({ name: match[1], labels: labelsOf(match[2] ?? ''), value: Number(match[3]) });
    }
  }
  return families;
}

const matching = (families, family, labels, suffix) => (families.get(family)?.samples ?? []).filter((sample) => sample.name === family + suffix
  && Object.entries(labels).every(([name, wanted]) => sample.labels[name] === wanted));

/** Whether the family has a sample with these labels. */
export const has = (families, family, labels = {}, suffix = '') => matching(families, family, labels, suffix).length > 0;

/** The sum of the family's samples that have these labels; there must be one. */
export function value(families, family, labels = {}, suffix = '') {
  const found = matching(families, family, labels, suffix);
  assert.ok(found.length > 0, `${family}${suffix} ${JSON.stringify(labels)} is exported`);
  return found.reduce((sum, sample) => sum + sample.value, 0);
}
