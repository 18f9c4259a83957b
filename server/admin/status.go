package admin

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/configfile"
)

// The reasons that ErrorInfo details carry; programs may decide by them.
const (
	reasonNoQuorum   = "NO_QUORUM"
	reasonOverloaded = "OVERLOADED"
	reasonUnknown    = "OUTCOME_UNKNOWN"
	reasonRefused    = "REFUSED"
	reasonStopping   = "STOPPING"
	reasonDomain     = "port67"
)

// callError is an error that already knows its code. Everything else becomes one in statusOf.
type callError struct {
	code    codes.Code
	text    string
	details []protoadapt.MessageV1
}

// Error returns the text for people.
func (e *callError) Error() string { return e.text }

// errDenied says that the caller may not do this.
func errDenied(format string, args ...any) error {
	return &callError{code: codes.PermissionDenied, text: fmt.Sprintf(format, args...)}
}

// errNotFound says that the thing of that kind and name does not exist.
func errNotFound(kind, name, text string) error {
	return &callError{
		code: codes.NotFound, text: kind + " " + name + ": " + text,
		details: []protoadapt.MessageV1{&errdetails.ResourceInfo{ResourceType: kind, ResourceName: name}},
	}
}

// errField says what is wrong with one field of the request.
func errField(field, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &callError{code: codes.InvalidArgument, text: field + ": " + text, details: []protoadapt.MessageV1{
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: field, Description: text},
		}},
	}}
}

// errProblems says everything that is wrong with a configuration text, one field violation for each problem.
// The description begins with file, line and column.
func errProblems(problems []configfile.Problem) error {
	bad := &errdetails.BadRequest{}
	for _, p := range problems {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: "source", Description: p.String(), Reason: "INVALID_CONFIG",
		})
	}
	text := fmt.Sprintf("configuration: %d problems", len(problems))
	if len(problems) == 1 {
		text = "configuration: 1 problem"
	}
	return &callError{code: codes.InvalidArgument, text: text, details: []protoadapt.MessageV1{bad}}
}

// errRevision says that the configuration is not at the revision the caller has seen.
func errRevision(expected, actual uint64) error {
	text := fmt.Sprintf("revision %d expected, but the configuration is at %d: look at the change and try again",
		expected, actual)
	return errState("REVISION", "config", text)
}

// errState says that things are not as this call needs them.
func errState(kind, subject, text string) error {
	return &callError{code: codes.FailedPrecondition, text: text, details: []protoadapt.MessageV1{
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
			{Type: kind, Subject: subject, Description: text},
		}},
	}}
}

// errReason says that nothing is wrong with the request but with the times.
func errReason(code codes.Code, reason, text string) error {
	return &callError{code: code, text: text, details: []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: reason, Domain: reasonDomain},
	}}
}

// errRefusal turns the log's no into an error; subject is what was to be changed.
func errRefusal(subject string, r storage.Result) error {
	text := subject + ": " + refusalText(r.Refusal)
	if r.Detail != "" {
		text = subject + ": " + r.Detail
	}
	code := refusalCode(r.Refusal)
	if code == codes.FailedPrecondition {
		return errState(refusalKind(r.Refusal), subject, text)
	}
	return errReason(code, reasonRefused, text)
}

// refusalCode is the table of refusals and codes.
func refusalCode(r storage.Refusal) codes.Code {
	switch r {
	case storage.Granted:
		return codes.OK
	case storage.NoSuchLease, storage.NoSuchNode, storage.NoSuchLink, storage.UnknownClient:
		return codes.NotFound
	case storage.InvalidConfig, storage.NotOnLink, storage.NotInPool:
		return codes.InvalidArgument
	case storage.BadToken:
		return codes.PermissionDenied
	case storage.Exhausted, storage.TooMany, storage.RateLimited:
		return codes.ResourceExhausted
	case storage.WrongEpoch:
		return codes.Aborted
	case storage.AlreadyFounded:
		return codes.AlreadyExists
	case storage.Internal:
		return codes.Internal
	case storage.InUse, storage.Reserved, storage.NotYours, storage.OutOfService, storage.NotHolder,
		storage.HolderWaits, storage.Moved, storage.WrongRevision, storage.StillBooked, storage.WrongLevel,
		storage.TooSoon,
		storage.Unfounded, storage.Filtered:
		return codes.FailedPrecondition
	}
	return codes.Internal
}

// refusalKind names the precondition that failed.
func refusalKind(r storage.Refusal) string {
	switch r {
	case storage.WrongRevision:
		return "REVISION"
	case storage.StillBooked:
		return "STILL_BOOKED"
	case storage.NotHolder, storage.NotYours, storage.InUse, storage.Reserved:
		return "HOLDER"
	}
	return "STATE"
}

// refusalText is what an operator reads when the log gave no detail.
func refusalText(r storage.Refusal) string {
	switch r {
	case storage.NoSuchLease:
		return "no lease: nobody ever held this address"
	case storage.StillBooked:
		return "still booked for its client: wait, or force the deletion if the device is off"
	case storage.NotHolder:
		return "not held by anyone who could give it back"
	case storage.NoSuchNode:
		return "no such member"
	case storage.WrongRevision:
		return "the configuration changed meanwhile: look at the change and try again"
	case storage.InvalidConfig:
		return "not a valid configuration"
	case storage.OutOfService:
		return "declined, in quarantine"
	case storage.Internal:
		return "the command is impossible; this is a defect, please report it with the node's log"
	}
	return fmt.Sprintf("refused (%d)", r)
}

// statusOf turns any error into a gRPC status. An error that nobody mapped is Internal, and its text stays
// inside: the caller of statusOf logs it.
func statusOf(err error) error {
	if err == nil {
		return nil
	}
	var call *callError
	switch {
	case errors.As(err, &call):
	case errors.Is(err, storage.ErrNoLeader):
		call = asCall(errReason(codes.Unavailable, reasonNoQuorum, storage.ErrNoLeader.Error()))
	case errors.Is(err, storage.ErrOverloaded):
		call = asCall(errReason(codes.ResourceExhausted, reasonOverloaded, err.Error()))
	case errors.Is(err, storage.ErrUnknown):
		call = asCall(errReason(codes.DeadlineExceeded, reasonUnknown,
			storage.ErrUnknown.Error()+": look whether it happened before trying again"))
	case errors.Is(err, storage.ErrRefused):
		call = asCall(errState("STATE", "cluster", err.Error()))
	case errors.Is(err, context.Canceled):
		call = &callError{code: codes.Canceled, text: "the caller went away"}
	case errors.Is(err, context.DeadlineExceeded):
		call = asCall(errReason(codes.Unavailable, reasonNoQuorum,
			"no answer from a leader in time: the cluster has no quorum, or is electing"))
	default:
		if s, ok := status.FromError(err); ok {
			return s.Err()
		}
		call = &callError{code: codes.Internal, text: "internal error: the node's log has the details"}
	}
	s := status.New(call.code, call.text)
	if detailed, err := s.WithDetails(call.details...); err == nil {
		s = detailed
	}
	return s.Err()
}

// asCall returns the callError that one of the constructors above made.
func asCall(err error) *callError {
	var call *callError
	errors.As(err, &call)
	return call
}

// errInvalid says what an edit of the configuration would make wrong in it.
func errInvalid(problems []config.Problem) error {
	bad := &errdetails.BadRequest{}
	for _, p := range problems {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: p.Path, Description: p.Path + ": " + p.Text, Reason: "INVALID_CONFIG",
		})
	}
	return &callError{
		code: codes.InvalidArgument, text: "the edit would make the configuration invalid",
		details: []protoadapt.MessageV1{bad},
	}
}
