/** The tables of the shared log in PostgreSQL's schema `asgard`, one step a version. */

/** The lock that keeps two servers from migrating at once, and the one that the delivering server holds. */
export const MIGRATION_LOCK = 'hashtext($$asgard migration$$)';
export const LEADER_LOCK = 'hashtext($$asgard leader$$)';
/** The channel of NOTIFY that carries the names of appends. */
export const NEWS_CHANNEL = 'asgard_log';
/**
 * Keeps `asgard.append` from notifying in the connection that sets it: its server does so once it has acknowledged. PostgreSQL would wake
 * all who listen before it answers whoever appended.
 */
export const NOTIFY_LATER = "SET asgard.notifies = 'later'";

/** The columns of an event in the order of the arrays that `asgard.append` takes, with their types. */
export const EVENT_COLUMNS = [
  ['seq', 'bigint'],
  ['at', 'bigint'],
  ['host', 'text'],
  ['outcome', 'smallint'],
  ['method', 'text'],
  ['"user"', 'text'],
  ['invalid_user', 'boolean'],
  ['ip', 'text'],
  ['port', 'integer'],
  ['key', 'text'],
  ['reason', 'text'],
  ['trust', 'smallint'],
  ['pid', 'integer'],
] as const;

const names = EVENT_COLUMNS.map(([name]) => name).join(', ');
const ours = EVENT_COLUMNS.map(([name]) => `e.${name}`).join(', ');
const columns = EVENT_COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ');
const parameters = EVENT_COLUMNS.map(([name, type]) => `p_${name.replaceAll('"', '')} ${type}[]`).join(', ');
const oneParameters = EVENT_COLUMNS.map(([name, type]) => `p_${name.replaceAll('"', '')} ${type}`).join(', ');
const oneEvent = EVENT_COLUMNS.map(([name]) => `p_${name.replaceAll('"', '')}`).join(', ');
/** Arrays in the list of a SELECT are read in step with each other. In FROM each would be written to a table of its own first, for half of the time of an append. */
const unnested = `SELECT generate_subscripts(p_batch, 1) AS place, unnest(p_batch) AS batch, ${EVENT_COLUMNS.map(
  ([name]) => `unnest(p_${name.replaceAll('"', '')}) AS ${name}`,
).join(', ')}`;

/**
 * `head` is one row, and the lock that puts appends into one order: whoever updates it holds it until its commit is on the
 * disks. Nobody can read a position while an earlier one may still appear. `agents` has the compare-and-set of each agent's
 * last number. `events` and `appends` are in partitions by the day of storing, which retention drops; one B-tree each, for
 * servers that read what is new, and a BRIN for people's own queries by time. `presence` is no part of the log: the last sign
 * of each agent, by the server that it is connected to. `host_base` has the counts of the events
 * that were in partitions dropped since, so that a new server counts each host from its first event on; `base` has the agents,
 * sessions, gaps, shapes and uses of keys of a store that was copied, as it had them at the end of the copy. `secrets` has what
 * servers must not make each for itself: `open` can be known to everyone, `sealed` is encrypted.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE asgard.facts (name text PRIMARY KEY, value text NOT NULL);
  CREATE TABLE asgard.head (
    id boolean PRIMARY KEY DEFAULT true CHECK (id), position bigint NOT NULL, event bigint NOT NULL, stored_at bigint NOT NULL,
    day bigint NOT NULL, kept_from bigint NOT NULL
  );
  INSERT INTO asgard.facts VALUES ('number', floor(random() * 281474976710656)::bigint::text);
  INSERT INTO asgard.head VALUES (true, 0, 0, 0, -1, 1);
  CREATE TABLE asgard.agents (id text PRIMARY KEY, last_seq bigint NOT NULL) WITH (fillfactor = 50);
  CREATE TABLE asgard.appends (
    position bigint NOT NULL, stored_at bigint NOT NULL, first_event bigint NOT NULL, counts integer[] NOT NULL,
    name text NOT NULL, batches text NOT NULL
  ) PARTITION BY RANGE (stored_at);
  CREATE INDEX ON asgard.appends (position);
  CREATE TABLE asgard.events (id bigint NOT NULL, stored_at bigint NOT NULL, agent text NOT NULL, ${columns})
    PARTITION BY RANGE (stored_at);
  CREATE INDEX ON asgard.events (id);
  CREATE INDEX ON asgard.events USING brin (at);
  CREATE TABLE asgard.decisions (
    position bigint NOT NULL, number integer NOT NULL, kind text NOT NULL, subject text NOT NULL, by text, body text NOT NULL,
    PRIMARY KEY (position, number)
  );
  CREATE TABLE asgard.presence (
    agent text PRIMARY KEY, server text NOT NULL, connected boolean NOT NULL, heard_at bigint NOT NULL, report text,
    updated_at bigint NOT NULL
  ) WITH (fillfactor = 50);
  CREATE TABLE asgard.base (number bigint PRIMARY KEY, kind text NOT NULL, body text NOT NULL);
  CREATE TABLE asgard.host_base (
    host text PRIMARY KEY, first_seen bigint NOT NULL, accepted bigint NOT NULL, failed bigint NOT NULL, probes bigint NOT NULL
  );

  CREATE FUNCTION asgard.now_ms() RETURNS bigint LANGUAGE sql AS
    $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

  CREATE FUNCTION asgard.make_partitions(p_day bigint) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    v_from bigint := p_day * 86400000;
    v_name text := to_char(to_timestamp(p_day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD');
  BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS asgard.appends_%s PARTITION OF asgard.appends FOR VALUES FROM (%s) TO (%s)',
      v_name, v_from, v_from + 86400000);
    EXECUTE format('CREATE TABLE IF NOT EXISTS asgard.events_%s PARTITION OF asgard.events FOR VALUES FROM (%s) TO (%s)',
      v_name, v_from, v_from + 86400000);
  END $$;

  CREATE FUNCTION asgard.drop_before(p_day bigint) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    v_day text;
    v_kept_from bigint;
  BEGIN
    FOR v_day IN
      SELECT substr(c.relname, 8) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'asgard.events'::regclass
          AND substr(c.relname, 8) < to_char(to_timestamp(p_day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD') ORDER BY 1
    LOOP
      EXECUTE format('INSERT INTO asgard.host_base AS b
        SELECT host, min(stored_at), count(*) FILTER (WHERE outcome = 0), count(*) FILTER (WHERE outcome = 1), count(*) FILTER (WHERE outcome = 2)
          FROM asgard.events_%s GROUP BY host
        ON CONFLICT (host) DO UPDATE SET first_seen = least(b.first_seen, excluded.first_seen), accepted = b.accepted + excluded.accepted,
          failed = b.failed + excluded.failed, probes = b.probes + excluded.probes', v_day);
      EXECUTE format('SELECT coalesce(max(position) + 1, 1) FROM asgard.appends_%s', v_day) INTO v_kept_from;
      UPDATE asgard.head SET kept_from = greatest(kept_from, v_kept_from);
      EXECUTE format('DROP TABLE asgard.events_%s, asgard.appends_%s', v_day, v_day);
    END LOOP;
  END $$;
  `,
  `
  CREATE TABLE asgard.secrets (name text PRIMARY KEY, open text NOT NULL, sealed text NOT NULL);
  `,
  // The functions of these two have changed since, and are made by the next step. Servers of version 3 go on with that which they made, which
  // has fewer parameters; those of version 4 call the one below.
  '',
  '',
  `
  CREATE OR REPLACE FUNCTION asgard.append(
    p_name text, p_batches text, p_agents text[], p_stored_at bigint,
    p_batch integer[], ${parameters}, p_kind text[], p_subject text[], p_by text[], p_body text[],
    p_first bigint[], p_last bigint[], p_given integer[],
    OUT o_position bigint, OUT o_stored_at bigint, OUT o_first_event bigint
  ) LANGUAGE plpgsql AS $$
  DECLARE
    v_day bigint;
    v_counts integer[];
  BEGIN
    UPDATE asgard.head h SET position = h.position + 1, stored_at = greatest(h.stored_at, coalesce(p_stored_at, asgard.now_ms()))
      RETURNING h.position, h.stored_at, h.event + 1, h.day INTO o_position, o_stored_at, o_first_event, v_day;
    IF o_stored_at / 86400000 > v_day THEN
      PERFORM asgard.make_partitions(o_stored_at / 86400000);
      UPDATE asgard.head SET day = o_stored_at / 86400000;
    END IF;
    -- Numbers that only ascend and are all new, as they nearly always are: nothing to sort, and no event to look at.
    IF p_stored_at IS NULL AND p_given IS NOT NULL AND NOT EXISTS (
      SELECT FROM unnest(p_agents, p_first) AS b (agent, first) JOIN asgard.agents a ON a.id = b.agent WHERE a.last_seq >= b.first
    ) THEN
      INSERT INTO asgard.agents AS a (id, last_seq)
        SELECT b.agent, coalesce(max(b.last), 0) FROM unnest(p_agents, p_last) AS b (agent, last) GROUP BY b.agent
        ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq WHERE excluded.last_seq > a.last_seq;
      INSERT INTO asgard.events (id, stored_at, agent, ${names})
        SELECT o_first_event + e.place - 1, o_stored_at, b.agent, ${ours}
          FROM (${unnested}) AS e
          JOIN unnest(p_agents) WITH ORDINALITY AS b (agent, number) ON b.number = e.batch + 1;
      v_counts := p_given;
    ELSE
    INSERT INTO asgard.agents (id, last_seq) SELECT DISTINCT unnest(p_agents), 0 ON CONFLICT DO NOTHING;
    WITH given AS (
      SELECT e.*, b.agent
        FROM (${unnested}) AS e
        JOIN unnest(p_agents) WITH ORDINALITY AS b (agent, number) ON b.number = e.batch + 1
    ), ordered AS (
      SELECT g.*, max(g.seq) OVER (PARTITION BY g.agent ORDER BY g.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM given g
    ), kept AS (
      SELECT o.*, row_number() OVER (ORDER BY o.place) AS number
        FROM ordered o JOIN asgard.agents a ON a.id = o.agent
        WHERE p_stored_at IS NOT NULL OR o.seq > greatest(a.last_seq, coalesce(o.before, 0))
    ), stored AS (
      INSERT INTO asgard.events (id, stored_at, agent, ${names})
        SELECT o_first_event + e.number - 1, o_stored_at, e.agent, ${ours} FROM kept e ORDER BY e.number
    ), raised AS (
      UPDATE asgard.agents a SET last_seq = k.last_seq
        FROM (SELECT agent, max(seq) AS last_seq FROM kept WHERE p_stored_at IS NULL GROUP BY agent) k WHERE a.id = k.agent
    )
    SELECT coalesce(array_agg(coalesce(k.count, 0) ORDER BY b.batch), '{}') INTO v_counts
      FROM generate_series(0, coalesce(array_length(p_agents, 1), 0) - 1) AS b (batch)
      LEFT JOIN (SELECT batch, count(*)::integer AS count FROM kept GROUP BY batch) k ON k.batch = b.batch;
    END IF;
    INSERT INTO asgard.appends VALUES (o_position, o_stored_at, o_first_event, v_counts, p_name, p_batches);
    UPDATE asgard.head SET event = event + (SELECT coalesce(sum(c), 0) FROM unnest(v_counts) AS c)
      WHERE array_length(v_counts, 1) > 0;
    IF array_length(p_kind, 1) > 0 THEN
      INSERT INTO asgard.decisions (position, number, kind, subject, by, body)
        SELECT o_position, d.number, d.kind, d.subject, d.by, d.body
          FROM unnest(p_kind, p_subject, p_by, p_body) WITH ORDINALITY AS d (kind, subject, by, body, number);
    END IF;
    -- Servers of version 4 leave it to this function.
    IF current_setting('asgard.notifies', true) IS DISTINCT FROM 'later' THEN
      PERFORM pg_notify('${NEWS_CHANNEL}', p_name);
    END IF;
  END $$;

  -- The same for one event alone, as it comes in quiet hours: in less than half of the time, for there are no arrays.
  CREATE FUNCTION asgard.append_one(p_name text, p_batches text, p_agent text, ${oneParameters}) RETURNS bigint[] LANGUAGE plpgsql AS $$
  DECLARE
    v_position bigint;
    v_stored_at bigint;
    v_event bigint;
    v_day bigint;
    v_count integer := 1;
  BEGIN
    UPDATE asgard.head h SET position = h.position + 1, event = h.event + 1, stored_at = greatest(h.stored_at, asgard.now_ms())
      RETURNING h.position, h.stored_at, h.event, h.day INTO v_position, v_stored_at, v_event, v_day;
    IF v_stored_at / 86400000 > v_day THEN
      PERFORM asgard.make_partitions(v_stored_at / 86400000);
      UPDATE asgard.head SET day = v_stored_at / 86400000;
    END IF;
    UPDATE asgard.agents SET last_seq = p_seq WHERE id = p_agent AND last_seq < p_seq;
    IF NOT FOUND THEN
      INSERT INTO asgard.agents (id, last_seq) VALUES (p_agent, p_seq) ON CONFLICT DO NOTHING;
    END IF;
    IF FOUND THEN
      INSERT INTO asgard.events (id, stored_at, agent, ${names}) VALUES (v_event, v_stored_at, p_agent, ${oneEvent});
    ELSE
      UPDATE asgard.head SET event = event - 1;
      v_count := 0;
    END IF;
    INSERT INTO asgard.appends VALUES (v_position, v_stored_at, v_event, ARRAY[v_count], p_name, p_batches);
    RETURN ARRAY[v_position, v_stored_at, v_event];
  END $$;
  `,
];
