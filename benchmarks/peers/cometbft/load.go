package main

// Signed payments, made beforehand, go in at a rate or as fast as so many in flight allow; blocks
// that a node tells of end them. Prints one JSON object a line: when measuring begins, and ends.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	settleMax = 300 * time.Second
	steadyMax = 120 * time.Second
)

type loadOptions struct {
	first, accounts, most uint64
	rate                  float64
	window                int
	warmUp, measured      time.Duration
	way                   string
	rpcs                  []string
}

// load is what is known of each payment, by its place among those made.
type load struct {
	options loadOptions
	txs     [][]byte
	index   map[[32]byte]int
	slots   chan struct{}

	mu       sync.Mutex
	sent     []time.Time
	ended    []time.Time
	refused  map[string]int
	inFlight int
	count    int // of those that ended
	blocks   int

	begin, over time.Time // of what is measured; read once both are past
}

type newBlock struct {
	Result struct {
		Data struct {
			Value struct {
				Block   struct{ Data struct{ Txs []string } }
				Results struct {
					TxResults []struct{ Code uint32 } `json:"tx_results"`
				} `json:"result_finalize_block"`
			}
		}
	}
}

func runLoad(o loadOptions) error {
	l := &load{options: o, refused: map[string]int{}, index: map[[32]byte]int{}}
	l.txs = signedPayments(o.first, o.most, o.accounts)
	for i, tx := range l.txs {
		l.index[sha256.Sum256(tx)] = i
	}
	l.slots = make(chan struct{}, o.window)
	l.sent, l.ended = make([]time.Time, o.most), make([]time.Time, o.most)
	blocks, err := l.subscribe()
	if err != nil {
		return err
	}
	work := make(chan int, 1024)
	submitting := make(chan error, 1)
	go func() { submitting <- l.submit(work) }()
	go l.follow(blocks)

	over := make(chan struct{})
	go func() {
		l.waitSteady()
		l.begin = time.Now()
		say(map[string]any{"event": "begin"})
		time.Sleep(o.measured)
		l.over = time.Now()
		say(map[string]any{"event": "end"})
		close(over)
	}()
	count := l.send(work, over)
	close(work)
	if err := <-submitting; err != nil {
		return err
	}
	select {
	case <-over:
	case <-time.After(100 * time.Millisecond):
		if o.rate == 0 {
			return errors.New("too few payments were made for the time asked")
		}
		<-over
	}
	if err := l.settle(); err != nil {
		return err
	}
	say(l.figures(count))
	return nil
}

// waitSteady returns once the warm-up is over and, at saturation, those in flight first have come
// out: as many come out as go in then, the machine being slow or not.
func (l *load) waitSteady() {
	time.Sleep(l.options.warmUp)
	if l.options.rate > 0 {
		return
	}
	for deadline := time.Now().Add(steadyMax); time.Now().Before(deadline); {
		l.mu.Lock()
		ended := l.count
		l.mu.Unlock()
		if ended >= l.options.window {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *load) subscribe() (*websocket.Conn, error) {
	socket, _, err := websocket.DefaultDialer.Dial("ws://"+l.options.rpcs[0]+"/websocket", nil)
	if err != nil {
		return nil, err
	}
	err = socket.WriteJSON(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": "subscribe",
		"params": map[string]any{"query": "tm.event='NewBlock'"},
	})
	if err != nil {
		return nil, err
	}
	_, _, err = socket.ReadMessage() // that it was heard
	return socket, err
}

func (l *load) submit(work <-chan int) error {
	told := func(index int, refusal []byte) {
		if refusal != nil {
			l.end(index, time.Time{}, "submission: "+string(refusal[:min(len(refusal), 200)]))
		}
	}
	if l.options.way == "websocket" {
		return overWebSocket(l.options.rpcs, l.txs, work, told)
	}
	return overHTTP(l.options.rpcs, l.txs, work, told)
}

func (l *load) send(work chan<- int, over <-chan struct{}) int {
	start := time.Now()
	for i := range l.txs {
		select {
		case <-over:
			return i
		case l.slots <- struct{}{}:
		}
		if l.options.rate > 0 {
			due := start.Add(time.Duration(float64(i) / l.options.rate * float64(time.Second)))
			time.Sleep(time.Until(due))
		}
		l.mu.Lock()
		l.sent[i] = time.Now()
		l.inFlight++
		l.mu.Unlock()
		work <- i
	}
	return len(l.txs)
}

// follow ends payments as blocks come. Only what the application carried out counts.
func (l *load) follow(socket *websocket.Conn) {
	for {
		_, raw, err := socket.ReadMessage()
		if err != nil {
			return
		}
		now := time.Now()
		var event newBlock
		if err := json.Unmarshal(raw, &event); err != nil {
			fmt.Fprintln(os.Stderr, "a block that is none:", err)
			return
		}
		value := event.Result.Data.Value
		if len(value.Block.Data.Txs) > 0 {
			l.blocks++
		}
		for i, encoded := range value.Block.Data.Txs {
			tx, err := base64.StdEncoding.DecodeString(encoded)
			index, ok := l.index[sha256.Sum256(tx)]
			if err != nil || !ok {
				continue
			}
			if code := value.Results.TxResults[i].Code; code != 0 {
				l.end(index, time.Time{}, fmt.Sprintf("executed: code %d", code))
			} else {
				l.end(index, now, "")
			}
		}
	}
}

func (l *load) end(index int, when time.Time, refusal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent[index].IsZero() || !l.ended[index].IsZero() {
		return
	}
	if refusal != "" {
		l.refused[refusal]++
		when = time.Unix(0, 0) // ended, in no measured time
	}
	l.ended[index] = when
	l.inFlight--
	l.count++
	<-l.slots
}

func (l *load) settle() error {
	for deadline := time.Now().Add(settleMax); time.Now().Before(deadline); {
		l.mu.Lock()
		left := l.inFlight
		l.mu.Unlock()
		if left == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("payments without an outcome")
}

// figures count what became final, and how long what was sent took, within the measured time.
func (l *load) figures(count int) map[string]any {
	start, end := l.begin, l.over
	var latencies []float64
	for i := 0; i < count; i++ {
		if l.ended[i].Unix() > 0 && l.sent[i].After(start) {
			latencies = append(latencies, float64(l.ended[i].Sub(l.sent[i]).Microseconds())/1000)
		}
	}
	sort.Float64s(latencies)
	at := func(part float64) float64 {
		if len(latencies) == 0 {
			return 0
		}
		return latencies[int(part*float64(len(latencies)-1))]
	}
	rate := rateBetween(l.ended[:count], start, end)
	return map[string]any{
		"event": "figures", "payments": int(rate * end.Sub(start).Seconds()), "sent": count,
		"refused": l.refused, "blocks": l.blocks, "payments_per_second": rate,
		"latency_ms": map[string]float64{"p50": at(0.50), "p99": at(0.99), "max": at(1)},
	}
}

// rateBetween is how many a second ended in this time, from block to block: payments come out by the
// block, so counting from a moment between two would lose or win most of one.
func rateBetween(ended []time.Time, start, end time.Time) float64 {
	count := 0
	var before, last time.Time
	for _, at := range ended {
		switch {
		case at.Unix() <= 0 || at.After(end):
		case at.After(start):
			count++
			if at.After(last) {
				last = at
			}
		case at.After(before):
			before = at
		}
	}
	if count == 0 {
		return 0
	}
	if before.IsZero() {
		before = start
	}
	return float64(count) / last.Sub(before).Seconds()
}

func say(object map[string]any) {
	line, err := json.Marshal(object)
	if err == nil {
		fmt.Println(string(line))
	}
}
