// Builds a package of web/ into its dist/: ESM, CommonJS, and the declarations of both.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'vite';

/** `external`: packages that whoever installs it has. `banner`: the first line of the code. */
async function bundle(folder, dist, { external = [], banner } = {}) {
  await build({
    configFile: false,
    root: folder,
    logLevel: 'warn',
    build: {
      outDir: dist,
      emptyOutDir: true,
      target: 'es2022',
      minify: false,
      lib: { entry: path.join(folder, 'src/index.ts'), formats: ['es', 'cjs'], fileName: (format) => (format === 'es' ? 'index.js' : 'index.cjs') },
      // Of top-level constants minifiers put in the value; of variables they cannot.
      rolldownOptions: { external, output: { topLevelVar: false, ...(banner !== undefined && { banner }) } },
    },
  });
}

/** The declarations that index.d.ts reaches. */
function declare(folder, dist) {
  const declarations = path.join(dist, 'declarations');
  const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
  mkdirSync(declarations, { recursive: true });
  execFileSync(
    process.execPath,
    [path.join(path.dirname(compiler), 'bin/tsc'), '-p', folder, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', path.join(folder, 'src'), '--outDir', declarations],
    { stdio: ['ignore', 2, 2] },
  );
  const emitted = readdirSync(declarations);
  const reached = new Set();
  const reach = (name) => {
    if (reached.has(name)) return;
    if (!emitted.includes(`${name}.d.ts`)) throw new Error(`no declarations of ${name}`);
    reached.add(name);
    const text = readFileSync(path.join(declarations, `${name}.d.ts`), 'utf8');
    for (const [, next] of text.matchAll(/from '\.\/([\w-]+)\.js'/g)) reach(next);
    writeFileSync(path.join(dist, `${name}.d.ts`), text);
    writeFileSync(path.join(dist, `${name}.d.cts`), text.replace(/(from '\.\/[\w-]+)\.js'/g, "$1.cjs'"));
  };
  reach('index');
  rmSync(declarations, { recursive: true });
}

export async function buildPackage(folder, options) {
  const dist = path.join(folder, 'dist');
  await bundle(folder, dist, options);
  declare(folder, dist);
  return dist;
}
