package org.apache.kafka.coordinator.group;

import java.lang.reflect.Proxy;

/** Stand-ins for what a coordinator is given by its broker. */
final class Proxies {
    /** What a method of a stand-in does, by its name. */
    interface Behaviour {
        Object call(String method, Object[] arguments) throws Exception;
    }

    private Proxies() {}

    /** An object of that type which does as told; a method that nobody has thought of fails. */
    static <T> T of(Class<T> type, Behaviour behaviour) {
        Object proxy = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) ->
            switch (method.getName()) {
                case "toString" -> type.getSimpleName();
                case "hashCode" -> System.identityHashCode(self);
                case "equals" -> self == arguments[0];
                default -> behaviour.call(method.getName(), arguments);
            });
        return type.cast(proxy);
    }

    /** A method that is asked for what it is not made for. */
    static IllegalStateException unknown(String method) {
        return new IllegalStateException("nobody has thought of " + method);
    }
}
