// How jemalloc works where a program is linked with it; without it, a variable
// that nobody reads.

// Few arenas: most calls stay on their thread, and each arena keeps something.
// What connections have left goes back to the machine within seconds, by a
// thread of jemalloc's own, also when nothing else happens. Large blocks, such
// as results of the database, go back at once: under a flood of them the
// process would keep twice what it uses.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:2,background_thread:true,dirty_decay_ms:1000,"
    "oversize_threshold:32768";
}
