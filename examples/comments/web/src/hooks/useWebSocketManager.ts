// The page's shared connection: given options it connects, without them it uses what is there.
export { useWebSocketManager } from '@carillon/react';
