//! Connections: the same answers for any cut of the bytes (the first four bytes choose the cuts),
//! except for `Date` and `100 Continue`. Some answers come from a channel.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (cuts, text) = bytes.split_at(bytes.len().min(4));
    let echo = |request: &mut drupe::Request| {
        Ok::<_, std::io::Error>(drupe_fuzz::channel::echo(std::mem::take(request.body_mut()).into_vec()?))
    };
    let conversation = drupe::testing::Conversation::new(echo, &drupe::Settings::default()).expect("they are sound");
    let answer = |pieces: Vec<Vec<u8>>| {
        let answer = String::from_utf8_lossy(&conversation.run(pieces)).replace("HTTP/1.1 100 Continue\r\n\r\n", "");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
        answer.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect::<String>()
    };
    let mut rest = text;
    let cut = |cut: &u8| rest.split_off(..rest.len().min(1 + usize::from(*cut))).unwrap_or_default().to_vec();
    let pieces = cuts.iter().cycle().map(cut).take_while(|piece| !piece.is_empty()).collect();
    assert_eq!(answer(pieces), answer(vec![text.to_vec()]));
    drupe_fuzz::channel::join();
});
