// How jemalloc works where a program is linked with it; without it, a variable
// that nobody reads.

// Memory that an idle server's connections have left goes back to the machine
// by a thread of jemalloc's own, within seconds.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:5000";
}
