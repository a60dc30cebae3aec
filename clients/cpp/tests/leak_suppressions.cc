extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
  // c-ares 1.18, which gRPC looks names up with, loses the text of "localhost"
  // when it has answered that name by itself.
  return "leak:libcares.so\n"
         // OpenSSL 3.0, in one of some 400 programs, loses what it has fetched
         // from its provider when threads of gRPC's shake hands at the same
         // time: seen with every channel and server gone, and gRPC shut down.
         "leak:libcrypto.so\n";
}
