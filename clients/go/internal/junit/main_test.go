package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	tests := map[string]struct {
		events string
		cases  string
		fails  bool
	}{
		"passed": {`{"Action":"run","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Test":"A","Elapsed":0.5}
{"Action":"pass","Package":"p"}`, "A:passed", false},
		"parts count, their whole does not": {`{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/x"}
{"Action":"pass","Package":"p","Test":"A/x"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"pass","Package":"p"}`, "A/x:passed", false},
		"failed": {`{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/x"}
{"Action":"output","Package":"p","Test":"A/x","Output":"wrong\u001b\n"}
{"Action":"fail","Package":"p","Test":"A/x"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}`, "A:failed A/x:failed", true},
		"did not end": {`{"Action":"run","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}`, "A:did not end", true},
		"does not build": {`{"Action":"build-output","ImportPath":"p","Output":"syntax error\n"}
{"Action":"fail","Package":"p"}`, "package:failed", true},
		"skipped": {`{"Action":"run","Package":"p","Test":"A"}
{"Action":"skip","Package":"p","Test":"A"}
{"Action":"pass","Package":"p"}`, "A:skipped", false},
		"nothing": {`{"Action":"pass","Package":"p"}`, "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := read(strings.NewReader(test.events), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if err := got.err(); (err != nil) != test.fails {
				t.Errorf("err = %v", err)
			}
			path := filepath.Join(t.TempDir(), "out.xml")
			if err := got.write(path); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var again report
			if err := xml.Unmarshal(text, &again); err != nil {
				t.Fatal(err)
			}
			var cases []string
			for _, c := range again.Suites[0].Cases {
				outcome := "passed"
				if c.Failure != nil {
					outcome = c.Failure.Message
				} else if c.Skipped != nil {
					outcome = "skipped"
				}
				cases = append(cases, c.Name+":"+outcome)
			}
			if got := strings.Join(cases, " "); got != test.cases {
				t.Errorf("the cases are %q, want %q", got, test.cases)
			}
		})
	}
}

func TestNoEvents(t *testing.T) {
	if _, err := read(strings.NewReader("FAIL p [build failed]\n"), io.Discard); err == nil {
		t.Error("what is no event was taken")
	}
}
