#include "simulator/page_html.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace wxident::simulator {
namespace {

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"'", "&#39;"}});
}

std::string Document(absl::string_view title, absl::string_view body) {
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
      Escaped(title),
      "</title>\n<style>body{font:16px sans-serif;max-width:24em;margin:3em "
      "auto;padding:0 1em}label,button{display:block;margin:1em 0}</style>\n"
      "</head>\n<body>\n<h1>",
      Escaped(title), "</h1>\n", body, "</body>\n</html>\n");
}

absl::string_view MeaningOf(absl::string_view scope) {
  return scope == "snsapi_base"
             ? "It learns which user you are, and nothing else."
             : "It learns which user you are, your nickname and your avatar.";
}

}  // namespace

std::string ConsentHtml(const ConsentView& view) {
  std::string options;
  for (const std::string& user : view.users) {
    absl::StrAppend(&options, "<option", user == view.chosen ? " selected" : "",
                    ">", Escaped(user), "</option>\n");
  }
  return Document(
      view.title,
      absl::StrCat(
          "<p>App <b id=\"app\">", Escaped(view.app_id),
          "</b> asks for <b id=\"scope\">", Escaped(view.scope), "</b>. ",
          MeaningOf(view.scope), "</p>\n<form method=\"post\">\n",
          options.empty() ? ""
                          : absl::StrCat("<label>You are <select id=\"user\" "
                                         "name=\"user\">\n",
                                         options, "</select></label>\n"),
          "<label>Somebody else: <input id=\"another\" name=\"another\" "
          "autocomplete=\"off\"></label>\n"
          "<button id=\"allow\" name=\"answer\" "
          "value=\"allow\">Allow</button>\n"
          "<button id=\"refuse\" name=\"answer\" value=\"refuse\">Refuse"
          "</button>\n</form>\n"));
}

std::string NoticeHtml(absl::string_view id, absl::string_view text) {
  return Document("WeChat simulator",
                  absl::StrCat("<p id=\"", id, "\">", Escaped(text), "</p>\n"));
}

}  // namespace wxident::simulator
