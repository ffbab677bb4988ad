// Echo with npm ws. Prints its port when ready; on SIGTERM its counts.

const { WebSocketServer } = require("ws");

const counts = { messages: 0, connections: 0, closes: {} };
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096 });

server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  counts.connections += 1;
  socket.on("message", (message, isBinary) => {
    counts.messages += 1;
    socket.send(message, { binary: isBinary });
  });
  socket.on("close", (code) => {
    counts.closes[code] = (counts.closes[code] || 0) + 1;
  });
});

process.on("SIGTERM", () => {
  console.log(JSON.stringify(counts));
  process.exit(0);
});
