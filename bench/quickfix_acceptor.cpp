// The other side of the benchmark: a FIX 4.4 acceptor on QuickFIX C++.
//
//   quickfix_acceptor PORT DICTIONARY STORE_FOLDER socket|threaded file|memory
//
// Answers each NewOrderSingle(35=D) with one ExecutionReport(35=8), ExecType(150)=0,
// and does no matching, no risk check and no logging. It is written like the `executor`
// example of QuickFIX. Runs until standard input ends, so it cannot outlive its parent.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include <quickfix/Application.h>
#include <quickfix/FileStore.h>
#include <quickfix/MessageCracker.h>
#include <quickfix/MessageStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketAcceptor.h>
#include <quickfix/ThreadedSocketAcceptor.h>
#include <quickfix/fix44/ExecutionReport.h>
#include <quickfix/fix44/NewOrderSingle.h>

// QuickFIX 1.15 always listens on all interfaces; a benchmark has no business there.
// The dynamic linker takes this definition before libc's, for the library's calls too.
extern "C" int bind(int fd, const sockaddr* address, socklen_t length) noexcept
{
    sockaddr_in loopback;
    if (address->sa_family == AF_INET && length >= sizeof loopback) {
        std::memcpy(&loopback, address, sizeof loopback);
        loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address = reinterpret_cast<const sockaddr*>(&loopback);
        length = sizeof loopback;
    }
    return static_cast<int>(syscall(SYS_bind, fd, address, length));
}

// One session only, so the counter is touched by one thread at a time.
class Answerer : public FIX::NullApplication, public FIX::MessageCracker
{
    // The lists of exceptions must be repeated from the interface.
    void fromApp(const FIX::Message& message, const FIX::SessionID& session)
        throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
              FIX::UnsupportedMessageType) override
    {
        crack(message, session);
    }

    void onMessage(const FIX44::NewOrderSingle& order,
                   const FIX::SessionID& session) override
    {
        FIX::ClOrdID clOrdID;
        FIX::Symbol symbol;
        FIX::Side side;
        FIX::OrderQty orderQty;
        FIX::Price price;
        order.get(clOrdID);
        order.get(symbol);
        order.get(side);
        order.get(orderQty);
        order.get(price);

        const std::string id = std::to_string(++count_);
        FIX44::ExecutionReport report(
            FIX::OrderID{id}, FIX::ExecID{id}, FIX::ExecType{FIX::ExecType_NEW},
            FIX::OrdStatus{FIX::OrdStatus_NEW}, side, FIX::LeavesQty{orderQty},
            FIX::CumQty{0}, FIX::AvgPx{0});
        report.set(clOrdID);
        report.set(symbol);
        report.set(orderQty);
        report.set(price);
        report.set(FIX::TransactTime(3)); // now, with milliseconds
        FIX::Session::sendToTarget(report, session);
    }

    long count_ = 0;
};

static std::string settings(const std::string& port, const std::string& dictionary,
                            const std::string& folder)
{
    return "[DEFAULT]\n"
           "ConnectionType=acceptor\n"
           "BeginString=FIX.4.4\n"
           "SenderCompID=EXCHANGE\n"
           "StartTime=00:00:00\n"
           "EndTime=00:00:00\n"
           "ResetOnLogon=Y\n"
           "SocketNodelay=Y\n"
           "UseDataDictionary=Y\n"
           "DataDictionary=" + dictionary + "\n"
           "FileStorePath=" + folder + "\n"
           "SocketAcceptPort=" + port + "\n"
           "[SESSION]\n"
           "TargetCompID=BENCH1\n";
}

int main(int argc, char** argv)
{
    const std::string server = argc == 6 ? argv[4] : "";
    const std::string store = argc == 6 ? argv[5] : "";
    if ((server != "socket" && server != "threaded") ||
        (store != "file" && store != "memory")) {
        std::cerr << "usage: " << argv[0]
                  << " PORT DICTIONARY STORE_FOLDER socket|threaded file|memory\n";
        return 2;
    }
    try {
        std::istringstream text(settings(argv[1], argv[2], argv[3]));
        const FIX::SessionSettings config(text);
        Answerer answerer;
        std::unique_ptr<FIX::MessageStoreFactory> stores;
        if (store == "file")
            stores.reset(new FIX::FileStoreFactory(config));
        else
            stores.reset(new FIX::MemoryStoreFactory());
        std::unique_ptr<FIX::Acceptor> acceptor;
        if (server == "threaded")
            acceptor.reset(new FIX::ThreadedSocketAcceptor(answerer, *stores, config));
        else
            acceptor.reset(new FIX::SocketAcceptor(answerer, *stores, config));
        acceptor->start();
        std::cout << "ready" << std::endl;
        std::string line;
        while (std::getline(std::cin, line))
            continue;
        acceptor->stop(true);
    } catch (const std::exception& error) {
        std::cerr << "quickfix_acceptor: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
