package main

// The two public ways to hand a payment to a node: one HTTP request for each, or many on a WebSocket.

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

const (
	workersPerNode = 16
	socketsPerNode = 4
)

// submitted says what became of handing in payment `index`: nil, or why the node did not take it.
type submitted func(index int, refusal []byte)

func request(index int, tx []byte) []byte {
	return fmt.Appendf(
		nil, `{"jsonrpc":"2.0","id":%d,"method":"broadcast_tx_sync","params":{"tx":"%s"}}`,
		index, base64.StdEncoding.EncodeToString(tx),
	)
}

var accepted = []byte(`"code":0`)

// overHTTP hands in what comes on `work`, to all nodes in turns, until it is closed.
func overHTTP(rpcs []string, txs [][]byte, work <-chan int, told submitted) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256}
	client := &http.Client{Transport: transport}
	var group sync.WaitGroup
	for worker := 0; worker < workersPerNode*len(rpcs); worker++ {
		url := "http://" + rpcs[worker%len(rpcs)] + "/"
		group.Add(1)
		go func() {
			defer group.Done()
			for index := range work {
				told(index, post(client, url, request(index, txs[index])))
			}
		}()
	}
	group.Wait()
	return nil
}

func post(client *http.Client, url string, body []byte) []byte {
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return []byte(err.Error())
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil {
		return []byte(err.Error())
	}
	if !bytes.Contains(reply, accepted) {
		return reply
	}
	return nil
}

// overWebSocket does the same without waiting for one answer before the next request.
func overWebSocket(rpcs []string, txs [][]byte, work <-chan int, told submitted) error {
	var group sync.WaitGroup
	var sockets []*websocket.Conn
	for n := 0; n < socketsPerNode*len(rpcs); n++ {
		url := "ws://" + rpcs[n%len(rpcs)] + "/websocket"
		socket, _, err := websocket.DefaultDialer.Dial(url, nil)
		if err != nil {
			return err
		}
		sockets = append(sockets, socket)
	}
	for _, socket := range sockets {
		group.Add(1)
		sent := make(chan int, 4096)
		go func() {
			defer close(sent)
			for index := range work {
				if socket.WriteMessage(websocket.TextMessage, request(index, txs[index])) != nil {
					told(index, []byte("the connection ended"))
					return
				}
				sent <- index
			}
		}()
		go func() {
			defer group.Done()
			defer socket.Close()
			for index := range sent { // a node answers the requests of one socket in their order
				_, reply, err := socket.ReadMessage()
				if err != nil {
					told(index, []byte(err.Error()))
				} else if !bytes.Contains(reply, accepted) {
					told(index, reply)
				} else {
					told(index, nil)
				}
			}
		}()
	}
	group.Wait()
	return nil
}
