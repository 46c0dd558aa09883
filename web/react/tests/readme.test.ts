// @vitest-environment node
// What the README shows compiles, each piece by itself.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, it } from 'vitest';

const here = import.meta.dirname;
const compiler = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

it('the README compiles', { timeout: 60_000 }, () => {
  const readme = readFileSync(path.join(here, '../README.md'), 'utf8');
  const pieces = [...readme.matchAll(/^```(tsx?)\n(.*?)^```$/gms)];
  expect(pieces.length).toBeGreaterThanOrEqual(3);
  const folder = mkdtempSync(path.join(here, 'readme-'));
  try {
    for (const [index, [, language, code]] of pieces.entries()) writeFileSync(path.join(folder, `piece_${index}.${language}`), code!);
    const paths = { '@carillon/client': [path.join(here, '../../sdk/src/index.ts')], '@carillon/react': [path.join(here, '../src/index.ts')] };
    const config = { extends: path.join(here, 'tsconfig.json'), compilerOptions: { paths }, include: ['.'] };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
    let said = '';
    try {
      execFileSync(process.execPath, [compiler, '--project', folder], { stdio: 'pipe', encoding: 'utf8' });
    } catch (failure) {
      said = String((failure as { stdout?: unknown }).stdout ?? failure);
    }
    expect(said).toBe('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
