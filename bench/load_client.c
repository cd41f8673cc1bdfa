/* Load generator of the benchmark: one FIX 4.4 session, closed loop.
 *
 * Logs on, sends NewOrderSingle(35=D) in writes of --batch orders with --window writes
 * outstanding, and holds every order to exactly one ExecutionReport(35=8) with
 * ExecType(150)=0 and its own ClOrdID(11), in order. Anything else ends the run with
 * the message shown. The orders are rendered before the clock starts. It is C because a
 * Python client spends more per order than the servers it is to measure.
 *
 * Dialogue with the caller, so that the server's CPU is read over the measured part
 * only: "warm" on stdout, then a line on stdin starts the measured part; the result on
 * stdout as one JSON line, then a line on stdin ends the session. End of file counts as
 * a line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOH '\x01'
#define TRAILER_BYTES 7          /* "10=nnn" and SOH */
#define ORDER_BYTES_MAX 512      /* an order is about 180 bytes; the options bound it */
#define RECEIVE_BYTES (1 << 20)  /* twice the replies to 16 writes of 100 orders */
#define SILENCE_SECONDS_MAX 10   /* no reply for so long: the server hangs */
#define SECONDS_MAX 40           /* warm-up and run are within SendingTime's 120 s */

static struct {
    int port;
    const char *sender, *target, *symbol, *price, *tick, *quantity, *account, *prefix;
    long orders, warmup, batch, window, levels;
    double seconds;
} opt = {.sender = "BENCH1", .target = "EXCHANGE", .symbol = "ACME", .price = "10.00",
         .tick = "0.01", .quantity = "1", .account = "", .prefix = "B-",
         .orders = 10000, .warmup = 1000, .batch = 1, .window = 1, .levels = 100,
         .seconds = 10};

static enum { LOGGING_ON, TRADING, LEAVING } phase;
static int sock;

/* Orders: rendered[start[k]] .. rendered[start[k + 1]] is write k. */
static char *rendered;
static size_t *start;
static uint64_t *write_ns;    /* when write k was handed to the kernel */
static uint64_t *latency_ns;  /* from there to the last report of write k */
static long admin_sent = 1;   /* our administrative messages so far; the Logon is one */
static char *unsent;          /* the rest of a write the kernel did not take at once */
static size_t unsent_bytes;
static char test_request_id[64]; /* a TestRequest to answer before the next write */

static char buffer[RECEIVE_BYTES];
static size_t buffer_begin, buffer_end;
static uint64_t received_ns;  /* when the bytes being read arrived */
static long seq_expected = 1; /* MsgSeqNum(34) of the server's next message */
static long reports;          /* ExecutionReports accepted so far */

struct message {
    char type; /* of a single-character MsgType(35), else 0 */
    long seq;
    char exec_type;
    const char *cl_ord_id, *test_req_id;
    size_t cl_ord_id_bytes, test_req_id_bytes;
};

static void fail(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load client: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void fail_message(const char *why, const char *data, size_t bytes)
{
    char shown[2048];
    size_t n = bytes < sizeof shown ? bytes : sizeof shown - 1;
    for (size_t i = 0; i < n; i++)
        shown[i] = data[i] == SOH ? '|' : data[i];
    fail("%s after %ld reports: %.*s", why, reports, (int)n, shown);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- writing --------------------------------------------------------------------- */

static void utc_now(char out[32])
{
    struct timespec t;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &utc);
    size_t n = strftime(out, 32, "%Y%m%d-%H:%M:%S", &utc);
    snprintf(out + n, 32 - n, ".%03d", (int)(t.tv_nsec / 1000000));
}

/* Frames "35=<type>, header, fields" at out; returns the bytes written. */
static size_t frame(char *out, const char *type, long seq, const char *now,
                    const char *fields)
{
    char body[ORDER_BYTES_MAX];
    int n = snprintf(body, sizeof body,
                     "35=%s\x01"
                     "49=%s\x01"
                     "56=%s\x01"
                     "34=%ld\x01"
                     "52=%s\x01%s",
                     type, opt.sender, opt.target, seq, now, fields);
    if (n < 0 || n > ORDER_BYTES_MAX - 64)
        fail("the options make a message of %d bytes; the most is %d", n,
             ORDER_BYTES_MAX - 64);
    int size = sprintf(out, "8=FIX.4.4\x01""9=%d\x01%s", n, body);
    unsigned sum = 0;
    for (int i = 0; i < size; i++)
        sum += (unsigned char)out[i];
    return (size_t)(size + sprintf(out + size, "10=%03u\x01", sum & 255));
}

/* Decimal text to an integer with that many decimals; floats would miss the tick. */
static long scaled(const char *text, int decimals)
{
    const char *dot = strchr(text, '.');
    int have = dot ? (int)strlen(dot + 1) : 0;
    long value = strtol(text, NULL, 10);
    if (have > decimals)
        fail("%s has more decimals than the tick", text);
    for (int i = 0; i < decimals; i++)
        value = value * 10 + (i < have ? dot[1 + i] - '0' : 0);
    return value;
}

/* Renders order number `first` and all after it; a buy never crosses another buy. */
static void render(long first)
{
    const char *dot = strchr(opt.tick, '.');
    int decimals = dot ? (int)strlen(dot + 1) : 0;
    long unit = 1;
    long price = scaled(opt.price, decimals), tick = scaled(opt.tick, decimals);
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    if (tick < 1 || price - (opt.levels - 1) * tick < 1)
        fail("%ld levels of %s do not fit below price %s", opt.levels, opt.tick,
             opt.price);
    char now[32], fields[ORDER_BYTES_MAX], account[64] = "", price_text[48];
    if (*opt.account)
        snprintf(account, sizeof account, "1=%s\x01", opt.account);
    utc_now(now);
    size_t at = start[first / opt.batch];
    for (long i = first; i < opt.warmup + opt.orders; i++) {
        long p = price - i % opt.levels * tick;
        if (decimals)
            snprintf(price_text, sizeof price_text, "%ld.%0*ld", p / unit, decimals,
                     p % unit);
        else
            snprintf(price_text, sizeof price_text, "%ld", p);
        snprintf(fields, sizeof fields,
                 "11=%s%ld\x01%s"
                 "21=1\x01"
                 "55=%s\x01"
                 "54=1\x01"
                 "60=%s\x01"
                 "38=%s\x01"
                 "40=2\x01"
                 "44=%s\x01"
                 "59=0\x01",
                 opt.prefix, i, account, opt.symbol, now, opt.quantity, price_text);
        at += frame(rendered + at, "D", 1 + admin_sent + i, now, fields);
        if ((i + 1) % opt.batch == 0)
            start[(i + 1) / opt.batch] = at;
    }
}

static void flush_unsent(void)
{
    ssize_t n = send(sock, unsent, unsent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        fail("send: %s", strerror(errno));
    if (n > 0) {
        unsent += n;
        unsent_bytes -= (size_t)n;
    }
}

static void push(char *data, size_t bytes)
{
    unsent = data;
    unsent_bytes = bytes;
    flush_unsent();
}

static void push_admin(const char *type, long orders_sent, const char *fields)
{
    static char out[ORDER_BYTES_MAX];
    char now[32];
    utc_now(now);
    push(out, frame(out, type, 1 + admin_sent + orders_sent, now, fields));
    admin_sent++;
}

/* ---- reading --------------------------------------------------------------------- */

/* Reads the fields that matter. No message of this dialogue carries a data field, so a
 * SOH always ends a value. */
static struct message parse(const char *at, const char *end)
{
    struct message m = {0};
    while (at < end) {
        int tag = 0;
        while (at < end && *at >= '0' && *at <= '9')
            tag = tag * 10 + (*at++ - '0');
        const char *value = at + 1;
        const char *stop =
            value < end ? memchr(value, SOH, (size_t)(end - value)) : NULL;
        if (*at != '=' || !stop)
            return (struct message){0};
        switch (tag) {
        case 35: m.type = stop - value == 1 ? *value : 0; break;
        case 34: m.seq = strtol(value, NULL, 10); break;
        case 150: m.exec_type = stop - value == 1 ? *value : 0; break;
        case 11: m.cl_ord_id = value, m.cl_ord_id_bytes = (size_t)(stop - value); break;
        case 112:
            m.test_req_id = value, m.test_req_id_bytes = (size_t)(stop - value);
            break;
        }
        at = stop + 1;
    }
    return m;
}

static bool is_expected_report(const struct message *m)
{
    size_t prefix = strlen(opt.prefix), digits = 0;
    long number = 0;
    if (m->exec_type != '0' || m->cl_ord_id_bytes <= prefix ||
        memcmp(m->cl_ord_id, opt.prefix, prefix) != 0)
        return false;
    for (digits = prefix; digits < m->cl_ord_id_bytes; digits++)
        number = number * 10 + (m->cl_ord_id[digits] - '0');
    return number == reports;
}

static void handle(const char *data, size_t bytes, size_t body_at)
{
    struct message m = parse(data + body_at, data + bytes - TRAILER_BYTES);
    if (m.seq != seq_expected++)
        fail_message("MsgSeqNum(34) is not the next one", data, bytes);
    if (m.type == 'A' && phase == LOGGING_ON) {
        phase = TRADING;
    } else if (m.type == '8' && phase == TRADING) {
        if (!is_expected_report(&m))
            fail_message("not the ExecutionReport expected next", data, bytes);
        reports++;
    } else if (m.type == '1' && m.test_req_id_bytes < sizeof test_request_id &&
               m.test_req_id_bytes) {
        memcpy(test_request_id, m.test_req_id, m.test_req_id_bytes);
        test_request_id[m.test_req_id_bytes] = 0;
    } else if (m.type == '5' && phase == LEAVING) {
        exit(0);
    } else if (m.type != '0') {
        fail_message("the server sent what this run has no place for", data, bytes);
    }
}

/* Returns the size of the whole message at `data`, 0 if more bytes are needed. */
static size_t frame_size(const char *data, size_t bytes, size_t *body_at)
{
    static const char head[] = "8=FIX.4.4\x01""9=";
    size_t at = sizeof head - 1, length = 0;
    if (bytes < at + TRAILER_BYTES)
        return 0;
    if (memcmp(data, head, at) != 0)
        fail_message("no FIX message where one must begin", data, bytes);
    for (; data[at] != SOH; at++) {
        if (data[at] < '0' || data[at] > '9' || length > RECEIVE_BYTES / 20)
            fail_message("bad BodyLength(9)", data, bytes);
        length = length * 10 + (size_t)(data[at] - '0');
        if (at + 1 == bytes)
            return 0;
    }
    *body_at = at + 1;
    size_t size = *body_at + length + TRAILER_BYTES;
    if (size > RECEIVE_BYTES / 2)
        fail_message("message too long", data, bytes);
    if (size > bytes)
        return 0;
    unsigned sum = 0;
    for (size_t i = 0; i < size - TRAILER_BYTES; i++)
        sum += (unsigned char)data[i];
    char trailer[16];
    snprintf(trailer, sizeof trailer, "10=%03u\x01", sum & 255);
    if (memcmp(data + size - TRAILER_BYTES, trailer, TRAILER_BYTES) != 0)
        fail_message("CheckSum(10) is wrong", data, size);
    return size;
}

/* Waits for bytes, hands on every whole message, keeps the rest for the next call. */
static void receive(void)
{
    if (RECEIVE_BYTES - buffer_end < RECEIVE_BYTES / 2) {
        memmove(buffer, buffer + buffer_begin, buffer_end - buffer_begin);
        buffer_end -= buffer_begin;
        buffer_begin = 0;
    }
    int flags = 0;
    if (unsent_bytes) { /* never block on one side while the other is full */
        struct pollfd ready = {.fd = sock, .events = POLLIN | POLLOUT};
        if (poll(&ready, 1, SILENCE_SECONDS_MAX * 1000) <= 0)
            fail("the server neither reads nor replies");
        if (ready.revents & POLLOUT)
            flush_unsent();
        flags = MSG_DONTWAIT;
    }
    ssize_t n = recv(sock, buffer + buffer_end, RECEIVE_BYTES - buffer_end, flags);
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && flags)
        return;
    if (n < 0 && errno == EAGAIN)
        fail("no reply for %d s after %ld reports", SILENCE_SECONDS_MAX, reports);
    if (n == 0 && phase == LEAVING)
        exit(0); /* some servers close without answering a Logout */
    if (n <= 0)
        fail("connection ended after %ld reports: %s", reports,
             n ? strerror(errno) : "closed by the server");
    received_ns = now_ns();
    buffer_end += (size_t)n;
    for (size_t size, body_at;; buffer_begin += size) {
        const char *data = buffer + buffer_begin;
        size = frame_size(data, buffer_end - buffer_begin, &body_at);
        if (!size)
            return;
        handle(data, size, body_at);
    }
}

/* ---- the run --------------------------------------------------------------------- */

/* Answers a TestRequest. The Heartbeat takes a MsgSeqNum, so what is not sent yet has
 * to be rendered again; that costs the run time, and no healthy run comes here. */
static void answer_test_request(long sent)
{
    char fields[80];
    snprintf(fields, sizeof fields, "112=%s\x01", test_request_id);
    test_request_id[0] = 0;
    push_admin("0", sent * opt.batch, fields);
    render(sent * opt.batch);
}

/* Sends writes first..last-1, fewer if the time is up; returns the first not sent. */
static long run_writes(long first, long last)
{
    long sent = first, done = first;
    uint64_t deadline = now_ns() + (uint64_t)(opt.seconds * 1e9);
    while (done < last) {
        if (test_request_id[0] && !unsent_bytes)
            answer_test_request(sent);
        while (sent < last && sent - done < opt.window && !unsent_bytes) {
            write_ns[sent] = now_ns();
            push(rendered + start[sent], start[sent + 1] - start[sent]);
            sent++;
        }
        receive();
        while (done < sent && reports >= (done + 1) * opt.batch) {
            latency_ns[done] = received_ns - write_ns[done];
            done++;
        }
        if (received_ns > deadline)
            last = sent;
    }
    return done;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void wait_for_line(void)
{
    fflush(stdout);
    for (int c = getchar(); c != '\n' && c != EOF; c = getchar())
        continue;
}

static void parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", 1, 0, 'p'},     {"sender", 1, 0, 's'},   {"target", 1, 0, 't'},
        {"symbol", 1, 0, 'y'},   {"price", 1, 0, 'r'},    {"tick", 1, 0, 'k'},
        {"quantity", 1, 0, 'q'}, {"account", 1, 0, 'a'},  {"prefix", 1, 0, 'x'},
        {"orders", 1, 0, 'n'},   {"warmup", 1, 0, 'm'},   {"batch", 1, 0, 'b'},
        {"window", 1, 0, 'w'},   {"levels", 1, 0, 'l'},   {"seconds", 1, 0, 'd'},
        {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'p': opt.port = atoi(optarg); break;
        case 's': opt.sender = optarg; break;
        case 't': opt.target = optarg; break;
        case 'y': opt.symbol = optarg; break;
        case 'r': opt.price = optarg; break;
        case 'k': opt.tick = optarg; break;
        case 'q': opt.quantity = optarg; break;
        case 'a': opt.account = optarg; break;
        case 'x': opt.prefix = optarg; break;
        case 'n': opt.orders = atol(optarg); break;
        case 'm': opt.warmup = atol(optarg); break;
        case 'b': opt.batch = atol(optarg); break;
        case 'w': opt.window = atol(optarg); break;
        case 'l': opt.levels = atol(optarg); break;
        case 'd': opt.seconds = atof(optarg); break;
        default: exit(2);
        }
    }
    if (opt.port < 1 || opt.port > 65535)
        fail("--port is needed");
    if (opt.batch < 1 || opt.window < 1 || opt.levels < 1 || opt.orders < opt.batch ||
        opt.warmup < 0 || opt.seconds <= 0 || opt.seconds > SECONDS_MAX)
        fail("an option is out of range (--seconds is at most %d)", SECONDS_MAX);
    /* whole writes only */
    opt.warmup -= opt.warmup % opt.batch;
    opt.orders -= opt.orders % opt.batch;
}

static void connect_and_log_on(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)opt.port)};
    struct timeval silence = {.tv_sec = SILENCE_SECONDS_MAX};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sock = socket(AF_INET, SOCK_STREAM, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect to 127.0.0.1:%d: %s", opt.port, strerror(errno));
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    admin_sent = 0;
    push_admin("A", 0, "98=0\x01""108=30\x01""141=Y\x01");
    while (phase == LOGGING_ON)
        receive();
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    long writes = (opt.warmup + opt.orders) / opt.batch;
    size_t count = (size_t)writes + 1;
    rendered = malloc((size_t)(opt.warmup + opt.orders + 1) * ORDER_BYTES_MAX);
    start = calloc(count, sizeof *start);
    write_ns = calloc(count, sizeof *write_ns);
    latency_ns = calloc(count, sizeof *latency_ns);
    if (!rendered || !start || !write_ns || !latency_ns)
        fail("out of memory");
    render(0);
    connect_and_log_on();

    long first = run_writes(0, opt.warmup / opt.batch);
    puts("warm");
    wait_for_line();
    uint64_t begin = now_ns();
    double cpu_begin = cpu_us();
    long last = run_writes(first, writes);
    double seconds = (double)(received_ns - begin) / 1e9;
    double cpu = cpu_us() - cpu_begin;
    long orders = (last - first) * opt.batch;
    size_t n = (size_t)(last - first);
    if (!n)
        fail("the warm-up took all the time there was");
    qsort(latency_ns + first, n, sizeof *latency_ns, compare);
    const uint64_t *sorted = latency_ns + first;
    printf("{\"orders\": %ld, \"writes\": %zu, \"seconds\": %.6f, \"rate\": %.1f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
           "\"client_cpu_us\": %.3f}\n",
           orders, n, seconds, (double)orders / seconds,
           (double)sorted[(n - 1) / 2] / 1e3, (double)sorted[(n - 1) * 99 / 100] / 1e3,
           (double)sorted[n - 1] / 1e3, cpu / (double)orders);
    wait_for_line();
    phase = LEAVING; /* from here on, one more ExecutionReport is one too many */
    push_admin("5", last * opt.batch, "");
    for (;;)
        receive();
}
