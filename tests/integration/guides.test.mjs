// Runs every snippet of docs/guides in the order of its page, against a server for development: shell in bash, JavaScript in
// Node, TypeScript through the compiler, configuration through `config check`. A `text` block is what the snippet before
// it prints, … standing for anything (`text any`: in any order).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BINARY, Server, cleanEnvironment, run } from './harness.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const guides = path.join(root, 'docs/guides');
const PATIENCE_MS = 60_000;

/** `[{language, note, code}]`: the fenced blocks of a page. */
function blocksOf(markdown) {
  return [...markdown.matchAll(/^```(\w+)(?: (\w+))?\n([^]*?)^```$/gm)].map(([, language, note, code]) => ({ language, note, code }));
}

function execute(file, args, options) {
  return new Promise((resolve) => {
    const child = execFile(file, args, { timeout: PATIENCE_MS, ...options }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }));
    child.stdin.end();
  });
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const pattern = (line) => line.split('…').map(literal).join('[^\\n]*');

/** The lines of a `text` block in their order, other output between them allowed; in any order where it is marked `any`. */
function check(printed, { code, note }) {
  const lines = code.trimEnd().split('\n').map(pattern);
  for (const each of note === 'any' ? lines : [lines.join('[^]*')]) assert.match(printed, new RegExp(each));
}

/** A folder as the guides expect it: the program, the packages, the data of the server. */
function prepare(server) {
  const at = path.join(server.directory, 'guide');
  mkdirSync(path.join(at, 'build/release'), { recursive: true });
  mkdirSync(path.join(at, 'node_modules/@carillon'), { recursive: true });
  symlinkSync(BINARY, path.join(at, 'build/release/carillon'));
  symlinkSync(server.dataDirectory, path.join(at, 'carillon-data'));
  for (const [name, target] of [['@carillon/client', 'web/sdk'], ['@carillon/react', 'web/react'], ['ws', 'node_modules/ws'], ['react', 'node_modules/react'],
    ['@types', 'node_modules/@types'], ['zustand', 'node_modules/zustand'], ['@aws-sdk', 'tests/integration/node_modules/@aws-sdk']])
    symlinkSync(path.join(root, target), path.join(at, 'node_modules', name));
  return at;
}

class Guide {
  constructor(server, at) {
    Object.assign(this, { server, at, environment: cleanEnvironment() });
  }

  /** What the block printed; nothing for what prints nothing. */
  async run({ language, code }, number) {
    const text = code.replaceAll('127.0.0.1:8080', `127.0.0.1:${this.server.port}`);
    if (language === 'sh') return this.shell(text);
    if (language === 'js') return this.node(text);
    if (language === 'tsx') return this.compile(text, number);
    if (language === 'toml') return this.configure(code, number);
    return assert.fail(`nobody knows how to run ${language}`);
  }

  async shell(text) {
    const { code, stdout, stderr } = await execute('bash', ['-euo', 'pipefail', '-c', `${text}\nenv -0 >environment`], { cwd: this.at, env: this.environment });
    assert.equal(code, 0, `${text}\n${stdout}${stderr}`);
    const pairs = readFileSync(path.join(this.at, 'environment'), 'utf8').split('\0').filter(Boolean);
    this.environment = Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
    return stdout;
  }

  async node(text) {
    const file = path.join(this.at, /^\/\/ ([\w.-]+\.mjs)\n/.exec(text)?.[1] ?? assert.fail(`a file's name is missing: ${text}`));
    writeFileSync(file, text);
    const { code, stdout, stderr } = await execute(process.execPath, [file], { cwd: this.at, env: this.environment });
    assert.equal(code, 0, `${file}: ${stdout}${stderr}`);
    return stdout;
  }

  async compile(text, number) {
    const file = path.join(this.at, `snippet-${number}.tsx`);
    writeFileSync(file, text);
    const { code, stdout } = await execute(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck', '--jsx', 'react-jsx',
      '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2023,dom', file], { cwd: this.at });
    assert.equal(code, 0, stdout);
    return '';
  }

  async configure(text, number) {
    const file = path.join(this.at, `snippet-${number}.toml`);
    writeFileSync(file, text);
    const { code, stdout, stderr } = await run(['config', 'check', '--config', file]);
    // The certificate of the example is not on this machine.
    if (code !== 0 && !/\/etc\/carillon\/cert\.pem/.test(stdout + stderr)) assert.fail(stdout + stderr);
    return '';
  }
}

/** Sections for the development server itself stand in a block ```toml server. */
function sectionsOf(blocks) {
  return blocks.filter(({ note }) => note === 'server').map(({ code }) => code).join('\n');
}

for (const name of readdirSync(guides).filter((each) => each.endsWith('.md'))) {
  test(`docs/guides/${name}: every snippet does what it says`, { timeout: 4 * PATIENCE_MS }, async (t) => {
    const blocks = blocksOf(readFileSync(path.join(guides, name), 'utf8'));
    if (blocks.length === 0) return;
    const server = new Server({ dev: true });
    const write = server.writeConfig.bind(server);
    server.writeConfig = (changes) => (write(changes), writeFileSync(server.configFile, `${readFileSync(server.configFile, 'utf8')}\n${sectionsOf(blocks)}`));
    await server.start();
    t.after(() => server.stop());
    const guide = new Guide(server, prepare(server));
    let printed = '';
    for (const [number, block] of blocks.entries()) {
      if (block.note === 'server') continue;
      if (block.language === 'text') check(printed, block);
      else printed = await guide.run(block, number);
    }
  });
}
