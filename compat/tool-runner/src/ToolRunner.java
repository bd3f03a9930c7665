import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command-line tools in one virtual machine, for its start takes longer than most of them.
 *
 * Each line of the standard input is a request, each line of the standard output its answer, both in JSON:
 * {"do": "run", "class": C, "arguments": [...], "input": TEXT}    runs C.main and says how it ended and what it printed
 * {"do": "start", "name": N, "class": C, "arguments": [...]}      the same, but goes on in the background
 * {"do": "peek", "name": N}                                       what N has printed so far
 * {"do": "stop", "name": N}                                       ends N as a signal would, and says what it printed
 */
public final class ToolRunner {
    private static final long RUN_MAX_SECONDS = 120;
    /** The run on whose behalf a thread works; the threads that it starts inherit it. */
    private static final InheritableThreadLocal<Run> CURRENT = new InheritableThreadLocal<>();

    private final ObjectMapper json = new ObjectMapper();
    private final Map<String, Run> background = new HashMap<>();
    private final URL[] tools;

    private ToolRunner() throws Exception {
        Class<?> tool = Class.forName("org.apache.kafka.tools.TopicCommand", false, getClass().getClassLoader());
        tools = new URL[] {tool.getProtectionDomain().getCodeSource().getLocation()};
    }

    public static void main(String[] none) throws Exception {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(new PrintStream(new Routed(run -> run.out, System.out), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Routed(run -> run.err, System.err), true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> leave(code));
        Exit.setHaltProcedure((code, message) -> leave(code));
        Exit.setShutdownHookAdder((name, hook) -> CURRENT.get().addHook(hook));
        ToolRunner runner = new ToolRunner();
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.println(runner.json.writeValueAsString(runner.answer(runner.json.readTree(line))));
        }
        Runtime.getRuntime().halt(0);
    }

    /** The end of a run: nothing behind the call may happen, so the thread never comes back from it. */
    private static void leave(int code) {
        CURRENT.get().end(code);
        while (true) {
            LockSupport.park();
        }
    }

    private Map<String, Object> answer(JsonNode request) throws Exception {
        String name = request.path("name").asText();
        switch (request.path("do").asText()) {
            case "run":
                System.setIn(new ByteArrayInputStream(request.path("input").asText().getBytes(StandardCharsets.UTF_8)));
                Run run = new Run(request);
                run.start();
                return run.outcome();
            case "start":
                background.put(name, new Run(request));
                background.get(name).start();
                return Map.of();
            case "peek":
                return background.get(name).printed();
            case "stop":
                Run stopped = background.remove(name);
                stopped.runHooks();
                return stopped.outcome();
            default:
                throw new IllegalArgumentException("no such request: " + request);
        }
    }

    /** One run of one tool. */
    private final class Run extends Thread {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        private final List<Runnable> hooks = new ArrayList<>();
        private final CompletableFuture<Integer> exit = new CompletableFuture<>();
        private final String mainClass;
        private final String[] arguments;

        Run(JsonNode request) {
            mainClass = request.path("class").asText();
            arguments = json.convertValue(request.path("arguments"), String[].class);
            setDaemon(true);
            setContextClassLoader(new ToolClasses(tools, ToolRunner.class.getClassLoader()));
        }

        @Override
        public void run() {
            CURRENT.set(this);
            int code = 0;
            try {
                Class<?> tool = getContextClassLoader().loadClass(mainClass);
                tool.getMethod("main", String[].class).invoke(null, (Object) arguments);
            } catch (InvocationTargetException thrown) {
                System.err.print("Exception in thread \"main\" ");
                thrown.getCause().printStackTrace();
                code = 1;
            } catch (ReflectiveOperationException thrown) {
                thrown.printStackTrace();
                code = 1;
            }
            end(code);
        }

        void addHook(Runnable hook) {
            synchronized (hooks) {
                hooks.add(hook);
            }
        }

        void end(int code) {
            runHooks();
            exit.complete(code);
        }

        /** Each hook runs once, whether the tool ends by itself or is stopped. */
        void runHooks() {
            List<Runnable> due;
            synchronized (hooks) {
                due = new ArrayList<>(hooks);
                hooks.clear();
            }
            due.forEach(Runnable::run);
        }

        Map<String, Object> outcome() throws Exception {
            Map<String, Object> outcome = new HashMap<>();
            try {
                outcome.put("exit", exit.get(RUN_MAX_SECONDS, TimeUnit.SECONDS));
            } catch (TimeoutException late) {
                outcome.put("late", true);
            }
            outcome.putAll(printed());
            return outcome;
        }

        Map<String, Object> printed() {
            return Map.of("out", out.toString(StandardCharsets.UTF_8), "err", err.toString(StandardCharsets.UTF_8));
        }
    }

    /** The tools' own classes, loaded anew for each run, because some count in static fields. All others are shared. */
    private static final class ToolClasses extends URLClassLoader {
        ToolClasses(URL[] tools, ClassLoader parent) {
            super(tools, parent);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith("org.apache.kafka.tools.")) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                if (loaded != null) {
                    return loaded;
                }
                try {
                    return findClass(name);
                } catch (ClassNotFoundException elsewhere) {
                    return super.loadClass(name, resolve);
                }
            }
        }
    }

    /** What a thread prints, to the run on whose behalf it works. */
    private static final class Routed extends OutputStream {
        private final Function<Run, OutputStream> streamOf;
        private final OutputStream otherwise;

        Routed(Function<Run, OutputStream> streamOf, OutputStream otherwise) {
            this.streamOf = streamOf;
            this.otherwise = otherwise;
        }

        private OutputStream stream() {
            Run run = CURRENT.get();
            return run == null ? otherwise : streamOf.apply(run);
        }

        @Override
        public void write(int one) throws IOException {
            stream().write(one);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            stream().write(bytes, offset, length);
        }
    }
}
