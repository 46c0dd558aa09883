// A connection of one component's own. This page shares one instead (useWebSocketManager).
export { useWebSocket } from '@carillon/react';
