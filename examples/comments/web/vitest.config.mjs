import path from 'node:path';

const source = (folder) => path.resolve(import.meta.dirname, `../../../web/${folder}/src/index.ts`);

export default {
  resolve: { alias: { '@carillon/client': source('sdk'), '@carillon/react': source('react') } },
  test: { include: ['tests/**/*.test.ts'] },
};
