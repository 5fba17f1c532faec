// Go's net/http.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const mib = 1 << 20

var base string

// It waits for an interim answer for longer than all of them may take.
var client = &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Minute, MaxConnsPerHost: 4, MaxIdleConnsPerHost: 4}}

func assert(right bool, what ...any) {
	if !right {
		panic(fmt.Sprint(what...))
	}
}

func lines(length int) []byte {
	var content bytes.Buffer
	for number := 0; number < length/16; number++ {
		fmt.Fprintf(&content, "%015d\n", number)
	}
	return content.Bytes()
}

func ask(method, path string, content io.Reader, fields ...string) *http.Response {
	response, err := try(method, path, content, fields...)
	assert(err == nil, err)
	return response
}

func try(method, path string, content io.Reader, fields ...string) (*http.Response, error) {
	request, err := http.NewRequest(method, base+path, content)
	assert(err == nil, err)
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	return client.Do(request)
}

func is(status int, text string, response *http.Response) {
	content, err := io.ReadAll(response.Body)
	assert(err == nil, err)
	response.Body.Close()
	assert(response.StatusCode == status && string(content) == text, response.StatusCode, " ", len(content))
}

func total(response *http.Response) int {
	content, err := io.ReadAll(response.Body)
	assert(err == nil, err)
	assert(string(content[len(content)-16:]) == fmt.Sprintf("%015d\n", len(content)/16-1))
	return len(content)
}

// Its length cannot be seen.
type hidden struct{ io.Reader }

// Content that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("given up") }

func main() {
	base = os.Args[1]
	switch step := os.Args[2]; step {
	case "keep-alive":
		done := make(chan bool)
		for worker := 0; worker < 4; worker++ {
			go func() {
				for i := 0; i < 500; i++ {
					is(200, "hello\n", ask("GET", "/hello", nil))
				}
				done <- true
			}()
		}
		for worker := 0; worker < 4; worker++ {
			<-done
		}
	case "upload":
		content := lines(4 * mib)
		for i := 0; i < 20; i++ {
			is(200, "4194304\n", ask("PUT", "/upload", bytes.NewReader(content)))
		}
	case "chunked":
		content := lines(4 * mib)
		for i := 0; i < 20; i++ {
			is(200, "4194304\n", ask("PUT", "/upload", hidden{bytes.NewReader(content)}))
		}
	case "expect":
		content := lines(mib)
		for i := 0; i < 5; i++ {
			is(200, "1048576\n", ask("PUT", "/upload", bytes.NewReader(content), "Expect", "100-continue"))
		}
	case "download":
		assert(total(ask("GET", "/bytes/268435456", nil)) == 256*mib)
		assert(total(ask("GET", "/stream/67108864", nil)) == 64*mib)
	case "range":
		part := string(lines(3200)[1600:])
		for i := 0; i < 10; i++ {
			is(206, part, ask("GET", "/files/large", nil, "Range", "bytes=1600-3199"))
		}
	case "early":
		content := lines(8 * mib)
		for i := 0; i < 5; i++ {
			response := ask("PUT", "/refuse", bytes.NewReader(content))
			response.Body.Close()
			assert(response.StatusCode == 413, response.StatusCode)
		}
	case "abort":
		for i := 0; i < 20; i++ {
			response := ask("GET", "/bytes/1073741824", nil)
			_, err := io.ReadFull(response.Body, make([]byte, mib))
			assert(err == nil, err)
			response.Body.Close()
		}
		for i := 0; i < 20; i++ {
			_, err := try("PUT", "/upload", io.MultiReader(bytes.NewReader(lines(mib)), broken{}))
			assert(err != nil)
		}
	case "short":
		for i := 0; i < 3; i++ {
			_, err := io.ReadAll(ask("GET", "/abort", nil).Body)
			assert(err == io.ErrUnexpectedEOF, err)
		}
	case "events":
		for i := 0; i < 3; i++ {
			text, err := io.ReadAll(ask("GET", "/events", nil).Body)
			assert(err == nil && strings.Count(string(text), "\ndata: event ") == 100, err)
		}
	default:
		panic(step)
	}
}
