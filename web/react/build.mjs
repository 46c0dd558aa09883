// Builds dist/; needs that of @carillon/client.
import { buildPackage } from '../package.mjs';

// Hooks are for the client side of frameworks that also have a server side.
await buildPackage(import.meta.dirname, { external: ['@carillon/client', 'react', 'zustand'], banner: "'use client';" });
