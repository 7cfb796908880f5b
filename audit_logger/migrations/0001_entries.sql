-- The logs that are followed, each with the position up to which its entries are here. Entries and
-- position change in one transaction: what is before the position is here, once, and nothing else.
CREATE TABLE daytrade.logs (
    log int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The chain behind the first batch: what tells a log from every other.
    identity bytea NOT NULL UNIQUE CHECK (length(identity) = 32),
    folder text NOT NULL,
    server text NOT NULL,
    next_entry bigint NOT NULL,
    chain bytea NOT NULL CHECK (length(chain) = 32),
    last_at timestamptz,
    entries_per_s double precision NOT NULL DEFAULT 0,
    followed_since timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Entries, split by log and, inside a log, by the day (UTC) on which they took effect. Followers
-- make the parts: daytrade.entries_LOG and daytrade.entries_LOG_YYYYMMDD.
CREATE TABLE daytrade.entries (
    entry bigint NOT NULL,
    transaction_num bigint NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz,
    amount_cents bigint,
    price_cents bigint,
    shares bigint,
    cash_change_cents bigint,
    opened_by bigint,
    fill_price_cents bigint,
    fill_shares bigint,
    fill_cash_cents bigint,
    quote_server_time_ms bigint,
    log int NOT NULL,
    cached boolean,
    kind text COLLATE "C" NOT NULL,
    command text COLLATE "C",
    username text COLLATE "C",
    stock text COLLATE "C",
    code text COLLATE "C",
    message text,
    filename text,
    cryptokey text,
    -- The entry as the log has it (docs/log-format.md).
    body bytea NOT NULL
) PARTITION BY LIST (log);

-- Entries and times only grow, so a summary of each stretch of pages finds them. Transactions
-- nearly do: what expires or fires later carries an old number, and the multi-range summary keeps
-- such a one from widening its stretch.
CREATE INDEX entries_in_order ON daytrade.entries
    USING brin (entry, at, transaction_num int8_minmax_multi_ops) WITH (pages_per_range = 32);
-- A user's history. Only the name: entries of one user share one key, which the index keeps once
-- (docs/adr/0006-postgres-follows.md). Followers sort each batch by user, so that its rows meet in few pages of this
-- index, and a user's rows in few pages of the table.
CREATE INDEX entries_of_user ON daytrade.entries (username);

-- What analysts ask: one row an entry, money in dollars.
CREATE VIEW daytrade.audit AS
SELECT
    l.log,
    l.server,
    e.entry,
    e.transaction_num,
    e.at,
    e.received_at,
    e.kind,
    e.command,
    CASE
        WHEN e.kind = 'command' AND e.code IS NULL THEN 'accepted'
        WHEN e.kind = 'command' THEN 'rejected'
        WHEN e.kind = 'quote_refused' THEN 'failed'
        ELSE 'done'
    END AS outcome,
    e.code,
    e.message,
    e.username,
    e.stock,
    (e.amount_cents::numeric / 100)::numeric(20, 2) AS amount,
    (e.price_cents::numeric / 100)::numeric(20, 2) AS price,
    e.cached,
    e.shares,
    (e.cash_change_cents::numeric / 100)::numeric(20, 2) AS cash_change,
    e.opened_by,
    (e.fill_price_cents::numeric / 100)::numeric(20, 2) AS fill_price,
    e.fill_shares,
    (e.fill_cash_cents::numeric / 100)::numeric(20, 2) AS fill_cash,
    e.filename,
    e.quote_server_time_ms,
    e.cryptokey
FROM daytrade.entries e
JOIN daytrade.logs l USING (log);
