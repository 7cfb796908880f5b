/** What the server says: docs/api.md in types. Sums are dollars as text, times Unix milliseconds. */

export type Role = "trader" | "analyst" | "operator";

export interface Session {
  user: string;
  roles: Role[];
  csrf: string;
  expires_ms: number;
  now_ms: number;
  /** How many times as fast as time passes the server's clock runs. */
  clock_speed: number;
}

/** A provider to sign in with: the words of its button, and where that leads. */
export interface Provider {
  name: string;
  start: string;
}

export interface WaysIn {
  password: boolean;
  oidc: Provider | null;
}

export interface Outcome {
  request_id: string;
  transaction: number;
  entry: number;
  name: string;
  accepted: boolean;
  code?: string;
  message?: string;
  stock?: string;
  amount?: string;
  price?: string;
  price_age_ms?: number;
  cached?: boolean;
  shares?: number;
  cost?: string;
  proceeds?: string;
  cash_change?: string;
  fill?: { price: string; shares: number; cash: string };
  opened_by?: number;
  applied_ms: number;
}

export interface Pending {
  transaction: number;
  stock: string;
  shares: number;
  cost?: string;
  proceeds?: string;
  deadline_ms: number;
}

export interface BuyOrder {
  stock: string;
  amount: string;
  trigger?: string | null;
  /** The highest price at which it fires: less than the trigger where the amount pays for no share there. */
  fires_at?: string | null;
  armed_by?: number | null;
}

export interface SellOrder extends BuyOrder {
  reserved_shares: number;
}

export interface Account {
  seq: number;
  now_ms: number;
  user: string;
  open: boolean;
  cash: string;
  reserved: string;
  holdings: Record<string, { free: number; reserved: number }>;
  pending_buys: Pending[];
  pending_sells: Pending[];
  buy_orders: BuyOrder[];
  sell_orders: SellOrder[];
}

export interface Quote {
  stock: string;
  price: string;
  sent_ms: number;
  fresh_until_ms: number;
}

/** What happened to an account by itself: an order that fired, a buy or sell that ran out. */
export interface Happening {
  type: "filled" | "expired" | "command";
  entry: number;
  transaction: number;
  name: string;
  stock?: string;
  side?: "buy" | "sell";
  price?: string;
  shares?: number;
  cash?: string;
  at_ms: number;
}

/** One entry of the log, flat. */
export interface LogRecord {
  entry: number;
  transaction: number;
  time_ms: number;
  time: string;
  user?: string;
  command?: string;
  stock?: string;
  amount?: string;
  outcome: string;
  price?: string;
  cached?: boolean;
  shares?: number;
  cash_change?: string;
  file?: string;
  message?: string;
}

export interface RecordPage {
  records: LogRecord[];
  next?: number | null;
}

export interface Stand {
  cash: string;
  reserved: string;
  shares?: number;
  reserved_shares?: number;
}

export interface Story {
  transaction: number;
  steps: (LogRecord & { account?: { before?: Stand | null; after?: Stand | null } })[];
}

export interface Bucket {
  from_ms: number;
  to_ms: number;
  accepted: number;
  rejected: number;
  other: number;
}

export interface Counts {
  entries: number;
  accepted: number;
  rejected: number;
  commands: Record<string, { accepted: number; rejected: number }>;
  rejects: Record<string, number>;
  users: number;
  top_users: { user: string; commands: number }[];
  top_stocks?: { stock: string; answers: number; refused: number; cached: number }[];
  expired: number;
  filled: number;
  fired_at_once?: number;
}

/** Followers and proofs say more or less, by what runs: shown as far as it is known here. */
export type Facts = Record<string, unknown>;

export interface Operations {
  now_ms: number;
  started_ms: number;
  entries: number;
  commands_per_s: number;
  rejected_per_s: number;
  latency_us: { p50: number; p99: number };
  quotes: { requests: number; answers: number; unavailable: number; cache_hits: number };
  orders: { armed: number; stocks: number; fired: number };
  websockets: number;
  sessions: number;
  queued: number;
  at_workers: number;
  followers: Facts[];
  series: { t_ms: number; commands: number; rejected: number; quote_requests: number }[];
}

export interface ProblemBody {
  title?: string;
  status?: number;
  code?: string;
  detail?: string;
}
