// A WebSocket client and server of a real library, for tests of proxies and of PipyJS that speaks WebSocket.
//
//	peers server ADDRESS        echoes every message
//	peers client URL            sends text, binary, large and fragmented messages and pings; says "ok" at the end
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: peers server ADDRESS | peers client URL"))
	}
	switch os.Args[1] {
	case "server":
		fail(http.ListenAndServe(os.Args[2], http.HandlerFunc(echo)))
	case "client":
		if err := client(os.Args[2]); err != nil {
			fail(err)
		}
		fmt.Println("ok")
	default:
		fail(fmt.Errorf("%s is neither server nor client", os.Args[1]))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func echo(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, body, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, body); err != nil {
			return
		}
	}
}

func client(url string) error {
	conn, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	deadline := time.Now().Add(20 * time.Second)
	if err := conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	pongs := 0
	conn.SetPongHandler(func(data string) error {
		if data != "are you there" {
			return fmt.Errorf("pong with %q", data)
		}
		pongs++
		return nil
	})
	rows := []struct {
		name string
		kind int
		body []byte
	}{
		{"text", websocket.TextMessage, []byte("hello, wörld")},
		{"empty", websocket.TextMessage, nil},
		{"binary", websocket.BinaryMessage, []byte{0, 1, 2, 255}},
		{"126 bytes", websocket.BinaryMessage, bytes.Repeat([]byte("x"), 126)},
		{"large", websocket.BinaryMessage, bytes.Repeat([]byte("0123456789"), 200_000)},
	}
	for _, row := range rows {
		if err := conn.WriteControl(websocket.PingMessage, []byte("are you there"), deadline); err != nil {
			return err
		}
		if err := conn.WriteMessage(row.kind, row.body); err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		if err := expect(conn, row.name, row.kind, row.body); err != nil {
			return err
		}
	}
	// In fragments: NextWriter sends one each time its buffer is full.
	writer, err := conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	text := strings.Repeat("fragment ", 3000)
	for part := 0; part < len(text); part += 1000 {
		if _, err := writer.Write([]byte(text[part : part+1000])); err != nil {
			return err
		}
		if err := conn.WriteControl(websocket.PingMessage, []byte("are you there"), deadline); err != nil {
			return err
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	if err := expect(conn, "fragments", websocket.TextMessage, []byte(text)); err != nil {
		return err
	}
	closing := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")
	if err := conn.WriteControl(websocket.CloseMessage, closing, deadline); err != nil {
		return err
	}
	_, _, err = conn.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		return fmt.Errorf("end: %w", err)
	}
	if pongs == 0 {
		return fmt.Errorf("no pong")
	}
	return nil
}

func expect(conn *websocket.Conn, name string, kind int, body []byte) error {
	gotKind, got, err := conn.ReadMessage()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if gotKind != kind || !bytes.Equal(got, body) {
		return fmt.Errorf("%s: got kind %d, %d bytes", name, gotKind, len(got))
	}
	return nil
}
