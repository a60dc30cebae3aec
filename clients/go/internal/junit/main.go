// Command junit reads what "go test -json" prints on stdin, shows it as go test
// would, and writes a JUnit XML file. It fails when a test or package did.
//
// usage: junit FILE
package main

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: junit FILE")
		os.Exit(2)
	}
	report, err := read(os.Stdin, os.Stdout)
	if err == nil {
		err = errors.Join(report.write(os.Args[1]), report.err())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// event is one line, as "go doc test2json" tells.
type event struct {
	Action, Package, Test, ImportPath, Output string
	Elapsed                                   float64
}

type report struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []*suite `xml:"testsuite"`
}

type suite struct {
	Name     string  `xml:"name,attr"`
	Tests    int     `xml:"tests,attr"`
	Failures int     `xml:"failures,attr"`
	Time     float64 `xml:"time,attr"`
	Cases    []*item `xml:"testcase"`
	output   strings.Builder
}

type item struct {
	Class   string    `xml:"classname,attr"`
	Name    string    `xml:"name,attr"`
	Time    float64   `xml:"time,attr"`
	Failure *failure  `xml:"failure"`
	Skipped *struct{} `xml:"skipped"`
	output  strings.Builder
	ended   bool
}

type failure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// read makes a report of the events, and copies their output.
func read(in io.Reader, out io.Writer) (*report, error) {
	r := &report{}
	suites := map[string]*suite{}
	cases := map[[2]string]*item{}
	failed := map[*suite]bool{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("a line is no event of go test -json: %s", lines.Text())
		}
		if e.Action == "output" || e.Action == "build-output" {
			fmt.Fprint(out, e.Output)
		}
		if e.Package == "" {
			continue
		}
		s := suites[e.Package]
		if s == nil {
			s = &suite{Name: e.Package}
			suites[e.Package] = s
			r.Suites = append(r.Suites, s)
		}
		if e.Test == "" {
			switch e.Action {
			case "output":
				s.output.WriteString(e.Output)
			case "fail":
				failed[s] = true
				s.Time = e.Elapsed
			case "pass":
				s.Time = e.Elapsed
			}
			continue
		}
		key := [2]string{e.Package, e.Test}
		c := cases[key]
		if c == nil {
			c = &item{Class: e.Package, Name: e.Test}
			cases[key] = c
			s.Cases = append(s.Cases, c)
		}
		switch e.Action {
		case "output":
			c.output.WriteString(e.Output)
		case "pass", "fail", "skip":
			c.Time, c.ended = e.Elapsed, true
			if e.Action == "fail" {
				c.Failure = &failure{Message: "failed", Text: clean(c.output.String())}
			} else if e.Action == "skip" {
				c.Skipped = &struct{}{}
			}
		}
	}
	for _, s := range r.Suites {
		s.count(failed[s])
	}
	return r, lines.Err()
}

// count sums up. A test that has parts is not a case of its own, unless it
// failed; a package that failed without a failed test is one.
func (s *suite) count(packageFailed bool) {
	for _, c := range s.Cases {
		if !c.ended {
			c.Failure = &failure{Message: "did not end", Text: clean(c.output.String())}
		}
	}
	s.Cases = slices.DeleteFunc(s.Cases, func(c *item) bool {
		return c.Failure == nil && slices.ContainsFunc(s.Cases, func(part *item) bool {
			return strings.HasPrefix(part.Name, c.Name+"/")
		})
	})
	for _, c := range s.Cases {
		if c.Failure != nil {
			s.Failures++
		}
	}
	if packageFailed && s.Failures == 0 {
		s.Cases = append(s.Cases, &item{Class: s.Name, Name: "package",
			Failure: &failure{Message: "failed", Text: clean(s.output.String())}})
		s.Failures = 1
	}
	s.Tests = len(s.Cases)
}

// clean leaves out what XML cannot hold.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

func (r *report) write(path string) error {
	text, err := xml.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(xml.Header), text...), 0o644)
}

// err is nil only when there were tests and none failed.
func (r *report) err() error {
	tests, failures := 0, 0
	for _, s := range r.Suites {
		tests += s.Tests
		failures += s.Failures
	}
	if tests == 0 || failures > 0 {
		return fmt.Errorf("%d tests, %d failed", tests, failures)
	}
	return nil
}
