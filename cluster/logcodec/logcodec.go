package logcodec

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	raftlogv1 "port67/proto/raftlog/v1"
	"port67/storage"
	"port67/storage/lease"
)

// Encode returns e as it stands in the log. The same entry always gives the same octets. It fails only on a
// command of no known kind, on an address with a zone, or on a configuration that cannot be written; what
// comes from clients never makes it fail.
func Encode(e storage.Entry) ([]byte, error) {
	m := &raftlogv1.Entry{At: int64(e.At)}
	if len(e.Commands) > 0 {
		m.Commands = make([]*raftlogv1.Command, len(e.Commands))
	}
	for i, c := range e.Commands {
		var err error
		if m.Commands[i], err = encodeCommand(c); err != nil {
			return nil, fmt.Errorf("command %d of %d: %w", i+1, len(e.Commands), err)
		}
	}
	return write(m, entryContent, levelOf(e.Commands...))
}

// Decode reads what Encode wrote. It keeps no reference to b. Errors are ErrCorrupt and *UnknownKindError;
// neither leaves anything half read.
func Decode(b []byte) (storage.Entry, error) {
	m := &raftlogv1.Entry{}
	level, err := read(b, entryContent, m)
	if err != nil {
		return storage.Entry{}, err
	}
	e := storage.Entry{At: lease.Instant(m.At)}
	if len(m.Commands) > 0 {
		e.Commands = make([]storage.Command, len(m.Commands))
	}
	d := decoder{level: level}
	d.check("entry", m)
	for i, c := range m.Commands {
		e.Commands[i] = d.command(c)
		if d.err != nil {
			return storage.Entry{}, fmt.Errorf("command %d of %d: %w", i+1, len(m.Commands), d.err)
		}
	}
	return e, d.err
}

// EncodeCommand returns c as a node forwards it to the leader. It fails where Encode does.
func EncodeCommand(c storage.Command) ([]byte, error) {
	m, err := encodeCommand(c)
	if err != nil {
		return nil, err
	}
	return write(m, commandContent, levelOf(c))
}

// DecodeCommand reads what EncodeCommand wrote, with the errors of Decode.
func DecodeCommand(b []byte) (storage.Command, error) {
	m := &raftlogv1.Command{}
	level, err := read(b, commandContent, m)
	if err != nil {
		return nil, err
	}
	d := decoder{level: level}
	c := d.command(m)
	if d.err != nil {
		return nil, d.err
	}
	return c, nil
}

// EncodeResult returns r as the leader sends it to the node that forwarded the command.
func EncodeResult(r storage.Result) ([]byte, error) {
	m, err := encodeResult(r)
	if err != nil {
		return nil, err
	}
	return write(m, resultContent, levelOf())
}

// DecodeResult reads what EncodeResult wrote, with the errors of Decode.
func DecodeResult(b []byte) (storage.Result, error) {
	m := &raftlogv1.Result{}
	level, err := read(b, resultContent, m)
	if err != nil {
		return storage.Result{}, err
	}
	d := decoder{level: level}
	r := d.result(m)
	if d.err != nil {
		return storage.Result{}, d.err
	}
	return r, nil
}

// levelOf returns the feature level that a reader of the commands needs.
func levelOf(commands ...storage.Command) uint32 {
	level := uint32(1)
	for _, c := range commands {
		level = max(level, storage.MinLevel(c))
	}
	return level
}

func write(m proto.Message, c content, level uint32) ([]byte, error) {
	opt := proto.MarshalOptions{Deterministic: true}
	b := make([]byte, headerLen, headerLen+opt.Size(m))
	b, err := opt.MarshalAppend(b, m)
	if err != nil {
		return nil, fmt.Errorf("log entry: %v", err)
	}
	seal(b, c, level)
	return b, nil
}

func read(b []byte, c content, m proto.Message) (level uint32, err error) {
	payload, level, err := open(b, c)
	if err != nil {
		return level, err
	}
	if err := proto.Unmarshal(payload, m); err != nil {
		return level, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return level, nil
}
