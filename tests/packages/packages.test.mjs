// What `npm pack` of the two packages holds, and that strangers can use it: types and behaviour, ESM and CommonJS.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { buildPackage } from '../integration/sdk.mjs';
import { removeDirectory, temporaryDirectory } from '../integration/harness.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const consumers = path.join(import.meta.dirname, 'consumers');
const modules = path.join(root, 'node_modules');
const MAX_GZIP_BYTES = 8192;
const MINUTE_MS = 60_000;
const run = promisify(execFile);

const PACKAGES = [
  { folder: 'sdk', name: '@carillon/client', dependencies: [] },
  { folder: 'react', name: '@carillon/react', dependencies: ['zustand', 'react', '@types/react', 'csstype'] },
];

/** The declaration files that an entry leads to. */
function reachable(folder, entry, found = new Set()) {
  if (found.has(entry)) return found;
  found.add(entry);
  const text = readFileSync(path.join(folder, entry), 'utf8');
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)) {
    const file = path.join(path.dirname(entry), target).replace(/\.(c?)js$/, '.d.$1ts');
    reachable(folder, file, found);
  }
  return found;
}

async function pack(folder, to) {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', to], { cwd: path.join(root, 'web', folder), timeout: MINUTE_MS });
  const answer = JSON.parse(stdout);
  const [{ filename, files }] = Array.isArray(answer) ? answer : Object.values(answer);
  return { tarball: path.join(to, filename), files: files.map((file) => file.path).sort() };
}

const here = temporaryDirectory();
const packed = new Map();
before(async () => {
  for (const { folder, name } of PACKAGES) {
    await buildPackage(folder);
    packed.set(name, await pack(folder, here));
  }
});
after(() => removeDirectory(here));

for (const { folder, name } of PACKAGES) {
  describe(`the package ${name}`, () => {
    const source = path.join(root, 'web', folder);

    it('holds what it should and nothing else', () => {
      const declarations = ['index.d.ts', 'index.d.cts'].flatMap((entry) => [...reachable(path.join(source, 'dist'), entry)]);
      const wanted = ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.cjs', ...declarations.map((file) => `dist/${file}`)];
      assert.deepEqual(packed.get(name).files, [...new Set(wanted)].sort());
    });

    it('has a readable front: README, the project\'s license, no scripts on installation', () => {
      const manifest = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8'));
      assert.equal(readFileSync(path.join(source, 'LICENSE'), 'utf8'), readFileSync(path.join(root, 'LICENSE'), 'utf8'));
      assert.ok(readFileSync(path.join(source, 'README.md'), 'utf8').includes(`npm install ${name}`));
      assert.equal(manifest.license, 'Apache-2.0');
      assert.deepEqual(Object.keys(manifest.scripts ?? {}).filter((script) => /install|prepare/.test(script)), []);
      assert.deepEqual(Object.keys(manifest.devDependencies ?? {}), []);
    });

    it('names no path of the machine that built it', () => {
      for (const file of packed.get(name).files) {
        const text = readFileSync(path.join(source, file), 'utf8');
        assert.ok(!text.includes(root), file);
        assert.ok(!text.includes('sourceMappingURL'), `${file} points at a map that is not there`);
      }
    });
  });
}

describe('@carillon/client', () => {
  it('depends on nothing', () => {
    const manifest = JSON.parse(readFileSync(path.join(root, 'web/sdk/package.json'), 'utf8'));
    assert.deepEqual([manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies], [undefined, undefined, undefined]);
  });

  it(`is under ${MAX_GZIP_BYTES} bytes in an application, minified and compressed`, async (test) => {
    const application = path.join(temporaryDirectory(), 'application.js');
    test.after(() => removeDirectory(path.dirname(application)));
    writeFileSync(application, `import { CarillonClient } from ${JSON.stringify(path.join(root, 'web/sdk/dist/index.js'))};\nglobalThis.client = CarillonClient;\n`);
    // In library mode Vite keeps the white space of modules.
    const { output } = await build({
      configFile: false,
      root: path.dirname(application),
      logLevel: 'error',
      build: { write: false, target: 'es2022', modulePreload: { polyfill: false }, rolldownOptions: { input: application } },
    });
    const size = gzipSync(output[0].code, { level: 9 }).length;
    test.diagnostic(`${size} bytes`);
    assert.ok(size < MAX_GZIP_BYTES, `${size} bytes`);
  });
});

/** A project of somebody else with the packed packages in its node_modules. */
async function consumer(kind, sources) {
  const project = path.join(here, kind);
  cpSync(path.join(consumers, kind), project, { recursive: true });
  mkdirSync(path.join(project, 'src'), { recursive: true });
  for (const source of sources) copyFileSync(path.join(consumers, source), path.join(project, 'src', source));
  for (const { name, dependencies } of PACKAGES) {
    const folder = path.join(project, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    await run('tar', ['-xzf', packed.get(name).tarball, '-C', folder, '--strip-components=1']);
    for (const dependency of dependencies) {
      const place = path.join(project, 'node_modules', dependency);
      mkdirSync(path.dirname(place), { recursive: true });
      if (!existsSync(place)) symlinkSync(path.join(modules, dependency), place);
    }
  }
  return project;
}

async function compile(project) {
  try {
    await run(process.execPath, [path.join(modules, 'typescript/bin/tsc'), '-p', project], { timeout: 2 * MINUTE_MS });
  } catch (error) {
    assert.fail(`tsc: ${error.stdout}`);
  }
}

describe('a consumer', () => {
  for (const kind of ['esm', 'cjs']) {
    it(`type-checks and runs as ${kind}`, async () => {
      const project = await consumer(kind, ['client.ts', 'react.ts']);
      await compile(project);
      for (const [file, says] of [['client.js', 'client works\n'], ['react.js', 'react works\n']]) {
        const { stdout, stderr } = await run(process.execPath, [path.join(project, 'out', file)], { timeout: MINUTE_MS });
        assert.deepEqual([stdout, stderr], [says, '']);
      }
    });
  }

  it('type-checks with a bundler\'s resolution', async () => {
    await compile(await consumer('bundler', ['client.ts', 'react.ts']));
  });
});
