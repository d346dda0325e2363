// For Capacitor 8 on iOS, beside InboxSessionBridge.swift (its InboxHost). Checked by reading only: parsed, never
// compiled, never run. MIT.
// In debug builds Capacitor writes every call and answer to the log, tokens included: set loggingBehavior to 'none'.
import Capacitor
import Foundation

/// In your CAPBridgeViewController's `capacitorDidLoad`:
/// `bridge?.registerPluginInstance(InboxSessionPlugin(host: host))`.
@objc(InboxSessionPlugin)
final class InboxSessionPlugin: CAPPlugin, CAPBridgedPlugin {
    let identifier = "InboxSessionPlugin"
    let jsName = "inboxSession"
    let pluginMethods: [CAPPluginMethod] = [CAPPluginMethod(name: "post", returnType: CAPPluginReturnPromise)]
    private let host: InboxHost

    init(host: InboxHost) {
        self.host = host
        super.init()
    }

    override func load() {
        Task { @MainActor in host.connect(self) }
    }

    @objc func post(_ call: CAPPluginCall) {
        Task { @MainActor in
            // Capacitor hands the answer to the page that is there by then: looked at once more.
            guard isOurs, let answer = await host.receive(call.getString("message") ?? ""), isOurs
            else { return call.resolve() }
            call.resolve(parse(answer))
        }
    }

    // An answer is the message itself, as an object.
    private func parse(_ text: String) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
    }

    // Pages that `allowNavigation` lets in can call plugins, too.
    @MainActor private var isOurs: Bool {
        guard let app = bridge?.config.serverURL, let url = bridge?.webView?.url else { return false }
        return url.scheme == app.scheme && url.host == app.host && url.port == app.port
    }
}

extension InboxSessionPlugin: InboxPage {
    func send(_ text: String) {
        if isOurs { notifyListeners("message", data: parse(text)) }
    }
}
