// For iOS 14 and Swift 5.7, and later. Checked by reading only: parsed, never compiled, never run. MIT.
import Foundation
import WebKit

struct InboxUser: Equatable {
    let id: String
    var tenant: String?

    var fields: [String: Any] { tenant.map { ["id": id, "tenant": $0] } ?? ["id": id] }
}

/// `expiresIn`: seconds. `extra`: what JSON can hold.
struct InboxToken {
    let value: String
    var expiresIn: TimeInterval?
    var extra: [String: Any]?
}

/// Thrown by `fetchToken` when the backend says for how long not to ask.
struct TryLater: Error {
    let seconds: TimeInterval
}

/// A web view that is served. Held weakly: what is gone is told nothing.
@MainActor protocol InboxPage: AnyObject {
    func send(_ text: String)
}

/// Made once, beside the app's login; serves any number of web views.
@MainActor final class InboxHost {
    private let fetchToken: (InboxUser) async throws -> InboxToken?
    private let pages = NSHashTable<AnyObject>.weakObjects()
    private var current: InboxUser?
    private var kept: (token: InboxToken, end: Date)?
    private var corrected = false

    /// `fetchToken` asks your backend: nil means that nobody is signed in there, whatever it throws that it cannot
    /// answer now.
    init(fetchToken: @escaping (InboxUser) async throws -> InboxToken?) {
        self.fetchToken = fetchToken
    }

    func connect(_ page: InboxPage) {
        pages.add(page)
    }

    /// What to answer to a page's message, if anything.
    func receive(_ text: String) async -> String? {
        guard text.utf16.count <= 131_072,
            let message = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
            let version = message["inboxSession"] as? Double
        else { return nil }
        if version != 1 {
            defer { corrected = true }
            return corrected ? nil : write("hello")
        }
        // A page's "hello" wants no answer: whoever listens is told of new tokens anyway.
        guard message["type"] as? String == "ask", let id = message["id"] as? String else { return nil }
        let asked = message["user"] as? [String: Any]
        guard let user = current, asked?["id"] as? String == user.id, asked?["tenant"] as? String == user.tenant
        else { return deny(id, final: true) }
        let reason = message["reason"] as? String
        // Only a page that comes new is served with a token that others have already.
        if reason == "initial", let kept = kept, kept.end.timeIntervalSinceNow > 60 {
            return hand(kept.token, to: user, id: id, expiresIn: kept.end.timeIntervalSinceNow)
        }
        if reason == "rejected" || reason == "forced" { kept = nil }
        do {
            guard let token = try await fetchToken(user), user == current else { return deny(id, final: true) }
            keep(token)
            return hand(token, to: user, id: id, expiresIn: token.expiresIn)
        } catch {
            return deny(id, retryAfter: (error as? TryLater)?.seconds)
        }
    }

    /// After the app's own login. Who was signed in before is signed out in all pages.
    func signIn(_ user: InboxUser) {
        guard user != current else { return }
        signOut()
        current = user
    }

    func signOut() {
        guard let user = current else { return }
        current = nil
        kept = nil
        tell(write("signed-out", ["user": user.fields]))
    }

    /// Hands all pages a token they did not ask for: one that came with a push notification, say.
    func push(_ token: InboxToken) {
        guard let user = current else { return }
        keep(token)
        tell(hand(token, to: user, id: nil, expiresIn: token.expiresIn))
    }

    // What states no end is not kept: nobody would know when to throw it away.
    private func keep(_ token: InboxToken) {
        kept = token.expiresIn.map { (token, Date(timeIntervalSinceNow: $0)) }
    }

    private func tell(_ text: String?) {
        guard let text = text else { return }
        for case let page as InboxPage in pages.allObjects { page.send(text) }
    }

    private func hand(_ token: InboxToken, to user: InboxUser, id: String?, expiresIn: TimeInterval?) -> String? {
        let sentAt = Date().timeIntervalSince1970
        return write("token", [
            "id": id, "user": user.fields, "token": token.value, "expiresIn": expiresIn, "sentAt": sentAt,
            "extra": token.extra,
        ])
    }

    private func deny(_ id: String, final isFinal: Bool? = nil, retryAfter: TimeInterval? = nil) -> String? {
        write("denied", ["id": id, "final": isFinal, "retryAfter": retryAfter])
    }

    private func write(_ type: String, _ fields: [String: Any?] = [:]) -> String? {
        var message = fields.compactMapValues { $0 }
        message["inboxSession"] = 1
        message["type"] = type
        guard JSONSerialization.isValidJSONObject(message) else { return nil }
        return (try? JSONSerialization.data(withJSONObject: message)).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// One web view. `origin`: of the inbox page, "https://inbox.example"; no other page is served.
@MainActor final class InboxSessionBridge: NSObject, WKScriptMessageHandlerWithReply, InboxPage {
    private weak var webView: WKWebView?
    private let origin: String
    private let host: InboxHost

    /// To be made before the first `load`. The web view keeps it.
    init(_ webView: WKWebView, origin: String, host: InboxHost, channel: String = "inboxSession") {
        self.webView = webView
        self.origin = origin
        self.host = host
        super.init()
        webView.configuration.userContentController.addScriptMessageHandler(self, contentWorld: .page, name: channel)
        host.connect(self)
    }

    // The page gets what comes back as what its `postMessage` promised; a page that has gone meanwhile does not.
    func userContentController(
        _: WKUserContentController, didReceive message: WKScriptMessage
    ) async -> (Any?, String?) {
        let source = message.frameInfo.securityOrigin
        // The port is 0 where it is the scheme's own.
        let asking = "\(source.protocol)://\(source.host)" + (source.port == 0 ? "" : ":\(source.port)")
        guard message.frameInfo.isMainFrame, asking == origin, let text = message.body as? String
        else { return (nil, nil) }
        return (await host.receive(text), nil)
    }

    func send(_ text: String) {
        guard let webView = webView, webView.url?.absoluteString.hasPrefix(origin + "/") == true else { return }
        // The page that is there when the script runs is asked who it is, too.
        let event = "new MessageEvent('message', { data: \(quote(text)) })"
        webView.evaluateJavaScript("if (location.origin === \(quote(origin))) window.dispatchEvent(\(event))")
    }

    // Encoded once more, a text is what a script can hold whatever is in it.
    private func quote(_ text: String) -> String {
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "''"
    }
}
