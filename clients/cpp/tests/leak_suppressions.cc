// c-ares 1.18, which gRPC looks names up with, loses the text of "localhost"
// when it has answered that name by itself.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
  return "leak:libcares.so";
}
