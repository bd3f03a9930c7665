// A member of a group by franz-go or sarama: prints key TAB value of what it is given, commits after each batch, and ends
// when nothing has come for a while.
//
//	member franz-go|sarama ADDRESS TOPIC GROUP IDLE_SECONDS
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	session   = 6 * time.Second
	heartbeat = 500 * time.Millisecond
)

func main() {
	if len(os.Args) != 6 {
		fail(errors.New("usage: member franz-go|sarama ADDRESS TOPIC GROUP IDLE_SECONDS"))
	}
	seconds, err := strconv.Atoi(os.Args[5])
	if err != nil {
		fail(err)
	}
	idle := time.Duration(seconds) * time.Second
	switch os.Args[1] {
	case "franz-go":
		err = byFranz(os.Args[2], os.Args[3], os.Args[4], idle)
	case "sarama":
		err = bySarama(os.Args[2], os.Args[3], os.Args[4], idle)
	default:
		err = fmt.Errorf("no library %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func byFranz(address, topic, group string, idle time.Duration) error {
	assigned := make(chan struct{}, 100)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(heartbeat),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { assigned <- struct{}{} }),
	)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	last, joined := time.Now(), false
	for !joined || time.Since(last) < idle {
		select {
		case <-assigned:
			joined, last = true, time.Now()
		default:
		}
		polling, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
		fetches := client.PollFetches(polling)
		stop()
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) {
				return failed.Err
			}
		}
		fetches.EachRecord(func(record *kgo.Record) { fmt.Fprintf(out, "%s\t%s\n", record.Key, record.Value) })
		if fetches.NumRecords() > 0 {
			last = time.Now()
			if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
				return err
			}
		}
		client.AllowRebalance()
	}
	return nil
}

// claims prints what it is given and notes when that was.
type claims struct {
	mutex  sync.Mutex
	out    *bufio.Writer
	last   time.Time
	joined bool
}

func (c *claims) Setup(sarama.ConsumerGroupSession) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.joined, c.last = true, time.Now()
	return nil
}

func (c *claims) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

func (c *claims) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			c.mutex.Lock()
			fmt.Fprintf(c.out, "%s\t%s\n", message.Key, message.Value)
			c.last = time.Now()
			c.mutex.Unlock()
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (c *claims) isDone(idle time.Duration) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.joined && time.Since(c.last) > idle
}

func bySarama(address, topic, group string, idle time.Duration) error {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	config.Consumer.Group.Session.Timeout = session
	config.Consumer.Group.Heartbeat.Interval = heartbeat
	members, err := sarama.NewConsumerGroup([]string{address}, group, config)
	if err != nil {
		return err
	}
	consuming, stop := context.WithCancel(context.Background())
	handler := &claims{out: bufio.NewWriter(os.Stdout), last: time.Now()}
	ended := make(chan error, 1)
	go func() {
		for consuming.Err() == nil {
			if err := members.Consume(consuming, []string{topic}, handler); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for !handler.isDone(idle) {
		select {
		case err := <-ended:
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	handler.out.Flush()
	return members.Close()
}
