// Builds dist/: ESM, CommonJS and types. Fails when the minified bundle is too large.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { minify } from 'vite';
import { buildPackage } from '../package.mjs';

/** Bytes, minified and gzipped. */
const limit = 8192;

async function checkSize(dist) {
  const { code } = await minify('index.js', readFileSync(path.join(dist, 'index.js'), 'utf8'), { module: true, mangle: { toplevel: true } });
  const size = gzipSync(code, { level: 9 }).length;
  console.log(`@carillon/client: ${code.length} bytes minified, ${size} bytes gzipped (limit ${limit})`);
  if (size >= limit) throw new Error(`too large: ${size} bytes`);
}

const dist = await buildPackage(import.meta.dirname);
await checkSize(dist);
