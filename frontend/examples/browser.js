/*
 * A client in a browser, in few lines: hears of the account and of prices, gives commands, and after
 * a break goes on where it was. It runs in a page of the server, signed in: paste it into the
 * console of the trading screen, then
 *
 *   const desk = daytradeDesk({ account: console.log, prices: console.log });
 *   await desk.command("BUY,ABC,100.00");
 */
function daytradeDesk({ account = () => {}, prices = () => {} } = {}) {
  const waiting = new Map();
  let socket, seq, ended;

  const say = (message) => socket.send(JSON.stringify(message));
  const open = () => {
    socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/stream`);
    socket.onopen = () => {
      // What happened to the account since the last that was heard comes before all else.
      say({ subscribe: ["account", "market"], ...(seq && { resume: { account: seq } }) });
      // A repeated number is the same request: nothing is done twice.
      for (const { command } of waiting.values()) say({ command });
    };
    socket.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      if (told.channel === "account" && told.account) {
        seq = told.seq;
        account(told.account, told.events ?? []);
      } else if (told.channel === "market" && told.quotes) {
        prices(told.quotes);
      } else if (waiting.has(told.request_id)) {
        const { resolve, reject } = waiting.get(told.request_id);
        waiting.delete(told.request_id);
        if (told.type === "outcome") resolve(told.outcome);
        else reject(new Error(`${told.code}: ${told.detail}`));
      }
    };
    // 4001: signed out; 4002: newer ones are open. Whatever else ends it, a second later it is
    // tried again.
    socket.onclose = ({ code }) => ended || [4001, 4002].includes(code) || setTimeout(open, 1_000);
  };
  open();

  return {
    /** Gives a command line; its outcome comes when it is durable. */
    command: (line) =>
      new Promise((resolve, reject) => {
        const command = { request_id: crypto.randomUUID(), line };
        waiting.set(command.request_id, { command, resolve, reject });
        if (socket.readyState === WebSocket.OPEN) say({ command });
      }),
    close: () => {
      ended = true;
      socket.close();
    },
  };
}
