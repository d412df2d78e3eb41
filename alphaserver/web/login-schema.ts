/** The routes by which users log in and out, described as the others are. Pure. */
import { flag, object, oneOf, orNull, text } from '../../service/schema.ts';
import { textOf } from '../../service/value-parser.ts';
import { Fault, NAME_LIMIT, route, type TAGS } from './api-schema.ts';
import { required, schemaOf } from './parameters.ts';
import { PASSWORD_LIMIT_CHARS, ROLES } from './users.ts';

/** Begins a session. */
export const LOGIN = {
  schema: {
    tags: ['operations' satisfies keyof typeof TAGS],
    summary: 'Begins a session: the answer sets its cookie',
    body: schemaOf({
      user: required('User name', textOf(NAME_LIMIT)),
      password: required(
        'Password',
        textOf(PASSWORD_LIMIT_CHARS, `a text of at most ${PASSWORD_LIMIT_CHARS} characters`),
      ),
    }),
    response: { 200: object({ name: text(), role: oneOf(ROLES) }), 400: Fault, 401: Fault, 403: Fault, 429: Fault },
  },
};

/** Ends a session. */
export const LOGOUT = { schema: { tags: ['operations' satisfies keyof typeof TAGS], summary: 'Ends the session' } };

/** The user that asks. */
export const ME = route(
  'operations',
  'Who is logged in, and may do what',
  {},
  object({
    name: orNull(text({ description: 'Null where nobody has to be logged in' })),
    role: oneOf(ROLES),
    hasLogin: flag({ description: 'Whether users log in on the page' }),
  }),
);
