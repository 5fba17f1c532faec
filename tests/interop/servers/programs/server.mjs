// Node's http: tells what it has seen of a request. Prints its port.
import http from "node:http";

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const content = Buffer.concat(pieces);
    const start = content.subarray(0, 64).toString("hex");
    response.writeHead(200, { "Content-Length": 0, "X-Seen": `${request.method} ${content.length} ${start} ${request.url}` });
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
