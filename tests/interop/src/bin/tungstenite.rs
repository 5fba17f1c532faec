//! tungstenite as the client; `served.rs` has tungstenite as the server.

use std::net::TcpStream;

use tungstenite::Message;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (base, step) = (&arguments[1], arguments[2].as_str());
    assert_eq!(step, "websocket");
    let address = base.strip_prefix("http://").expect("a URL");
    let stream = TcpStream::connect(address).expect("the server accepts");
    let (mut socket, answer) = tungstenite::client(format!("ws://{address}/websocket"), stream).expect("a WebSocket");
    assert_eq!(answer.status(), 101);
    for number in 0..100 {
        socket.send(Message::text(format!("message {number}"))).expect("it is taken");
        assert_eq!(socket.read().expect("an echo"), Message::text(format!("message {number}")));
    }
    let large = Message::binary(vec![7; 1 << 20]);
    socket.send(large.clone()).expect("it is taken");
    assert_eq!(socket.read().expect("an echo"), large);
    socket.close(None).expect("it is open");
    while socket.read().is_ok() {}
}
