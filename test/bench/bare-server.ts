/** `bare-server.ts PORT`: Node and nothing of ours, that answers a fleet. What its connections hold, no server on Node can hold less than. */
import { createServer } from 'node:net';

const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    if (chunk.includes('"hello"')) socket.write('{"type":"welcome","version":1,"seq":0}\n');
    if (chunk.includes('"ping"')) socket.write('{"type":"pong"}\n');
  });
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4_096 }, () => console.log('listening'));
