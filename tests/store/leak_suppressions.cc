// libpqxx 6.4.5 loses the PGresult of the statement in which a connection
// breaks (exec_params throws before it owns it): about 2 KB for each lost
// connection. Tests cut connections on purpose.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:pqxx::connection_base::exec_params\n";
}
