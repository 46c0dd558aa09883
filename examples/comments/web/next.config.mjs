import path from 'node:path';

/** @type {import('next').NextConfig} */
export default {
  output: 'export',
  reactStrictMode: true,
  poweredByHeader: false,
  // The workspace, where the packages of this repository are.
  turbopack: { root: path.resolve(import.meta.dirname, '../../..') },
  experimental: { useTypeScriptCli: true },
};
