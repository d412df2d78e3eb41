/** Answers that were written out elsewhere. */
import type { FastifyReply } from 'fastify';
import type { Written } from '../queries/results.ts';

/** Sends one as it is: its schema says what is in it, and is not applied to it again. */
export function sendWritten(reply: FastifyReply, { buffer, byteOffset, byteLength }: Written): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(Buffer.from(buffer, byteOffset, byteLength));
}
