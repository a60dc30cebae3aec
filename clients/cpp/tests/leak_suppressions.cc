extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
  // c-ares 1.18, which gRPC looks names up with, loses the text of "localhost"
  // when it has answered that name by itself.
  return "leak:libcares.so\n"
         // OpenSSL gives each thread that shakes hands a random generator, and
         // frees it when the thread ends. A thread of gRPC's that ends while
         // the program does is too late for that: in one of some 400 runs.
         "leak:libcrypto.so\n";
}
