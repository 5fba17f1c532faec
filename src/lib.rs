//! An embeddable, synchronous HTTP/1.1 server for programs that have no async runtime.
